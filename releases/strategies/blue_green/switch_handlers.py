"""Requests led from one colour to the other, and who gets them then."""

from collections import Counter

from environments.kube.api.client import Gateway
from environments.kube.api.errors import NotFound
from environments.kube.apply.guards import guard_of
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.apply.server_side_apply import refuse_unwritable, with_sequence
from environments.kube.names import TRACK, TRAFFIC
from environments.kube.objects import Manifest
from environments.kube.status.endpoint_slices import ready_pods
from environments.kube.status.owner_references import labelled
from environments.kube.traffic import Seen, find
from environments.kube.traffic.base import named_by
from environments.kube.traffic.moving import read_switch, switch
from portal.steps.operations import Result
from releases.strategies.blue_green.operations import CountEndpoints, CountPods, Lead, LookLed
from releases.strategies.shared.handling import Execution, handles


@handles(Lead)
def lead(execution: Execution, operation: Lead) -> Result:
    try:
        if operation.selector is not None:
            return _select(execution.gateway, operation, execution.sequence)
        seen = switch(execution.gateway, operation.route, operation.to, sequence=execution.sequence)
    except NotFound as gone:
        return _gone(gone)
    return _led(seen)


@handles(LookLed)
def look_again(execution: Execution, operation: LookLed) -> Result:
    try:
        return {**_led(read_switch(execution.gateway, operation.route)), "at": operation.at}
    except NotFound as gone:
        return {**_gone(gone), "at": operation.at}


def _led(seen: Seen) -> Result:
    return {
        "target": seen.target,
        "accepted": seen.accepted,
        "why": seen.why,
        "there": True,
        "manager": seen.manager,
    }


def _gone(error: NotFound) -> Result:
    return {"target": "", "accepted": False, "why": error.words, "there": False}


def _select(gateway: Gateway, operation: Lead, sequence: int) -> Result:
    """The whole selector by one apply: what it was beside the track may be another in the new version."""
    ref = find("service").main(operation.route)
    body = {**named_by(ref), "spec": {"selector": {**(operation.selector or {}), TRACK: operation.to}}}

    def attempt() -> Manifest:
        live = gateway.get(ref)
        if live is None:
            raise NotFound(f"{ref.text} is not there.", status=404)
        refuse_unwritable(live, ref, sequence)
        return gateway.apply(with_sequence(body, sequence), manager=TRAFFIC, force=True, guard=guard_of(live)).object

    selector = decide_anew(attempt)["spec"]["selector"]
    return {"target": selector.get(TRACK, ""), "accepted": True, "why": "", "there": True}


@handles(CountEndpoints)
def count_endpoints(execution: Execution, operation: CountEndpoints) -> Result:
    ref = operation.ref
    label = labelled({"kubernetes.io/service-name": ref.name})
    slices = execution.gateway.list("discovery.k8s.io/v1", "EndpointSlice", ref.namespace, labels=label)
    names = ready_pods(slices)
    pods = execution.gateway.list("v1", "Pod", ref.namespace, labels=TRACK) if names else []
    tracks = {pod["metadata"]["name"]: pod["metadata"]["labels"][TRACK] for pod in pods}
    return {"ready": dict(Counter(tracks.get(name, "") for name in names)), "at": operation.at}


@handles(CountPods)
def count_pods(execution: Execution, operation: CountPods) -> Result:
    pods = execution.gateway.list("v1", "Pod", operation.ref.namespace, labels=operation.labels)
    return {"count": sum(not pod["metadata"].get("deletionTimestamp") for pod in pods), "at": operation.at}
