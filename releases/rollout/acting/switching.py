"""Requests led from one colour to the other, and who gets them then."""

from collections import Counter
from collections.abc import Iterable

from environments.kube.api.client import Gateway
from environments.kube.api.errors import NotFound
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.apply.server_side_apply import guard_of, refuse_unwritable, with_sequence
from environments.kube.names import TRACK, TRAFFIC
from environments.kube.objects import Manifest
from environments.kube.status.owner_references import labelled
from environments.kube.traffic import Seen, find
from environments.kube.traffic.base import named_by
from environments.kube.traffic.moving import read_switch, switch
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.colours.wants import CountEndpoints, CountPods, Lead, LookLed


@performs(Lead)
def lead(hands: Hands, action: Lead) -> Result:
    try:
        if action.selector is not None:
            return _select(hands.gateway, action, hands.sequence)
        seen = switch(hands.gateway, action.route, action.to, sequence=hands.sequence)
    except NotFound as gone:
        return _gone(gone)
    return _led(seen)


@performs(LookLed)
def look_again(hands: Hands, action: LookLed) -> Result:
    try:
        return {**_led(read_switch(hands.gateway, action.route)), "at": action.at}
    except NotFound as gone:
        return {**_gone(gone), "at": action.at}


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


def _select(gateway: Gateway, action: Lead, sequence: int) -> Result:
    """The whole selector by one apply: what it was beside the track may be another in the new version."""
    ref = find("service").main(action.route)
    body = {**named_by(ref), "spec": {"selector": {**(action.selector or {}), TRACK: action.to}}}

    def attempt() -> Manifest:
        live = gateway.get(ref)
        if live is None:
            raise NotFound(f"{ref.text} is not there.", status=404)
        refuse_unwritable(live, ref, sequence)
        return gateway.apply(with_sequence(body, sequence), manager=TRAFFIC, force=True, guard=guard_of(live)).object

    selector = decide_anew(attempt)["spec"]["selector"]
    return {"target": selector.get(TRACK, ""), "accepted": True, "why": "", "there": True}


@performs(CountEndpoints)
def count_endpoints(hands: Hands, action: CountEndpoints) -> Result:
    ref = action.ref
    label = labelled({"kubernetes.io/service-name": ref.name})
    slices = hands.gateway.list("discovery.k8s.io/v1", "EndpointSlice", ref.namespace, labels=label)
    names = _ready_names(slices)
    pods = hands.gateway.list("v1", "Pod", ref.namespace, labels=TRACK) if names else []
    tracks = {pod["metadata"]["name"]: pod["metadata"]["labels"][TRACK] for pod in pods}
    return {"ready": dict(Counter(tracks.get(name, "") for name in names)), "at": action.at}


@performs(CountPods)
def count_pods(hands: Hands, action: CountPods) -> Result:
    pods = hands.gateway.list("v1", "Pod", action.ref.namespace, labels=action.labels)
    return {"count": sum(not pod["metadata"].get("deletionTimestamp") for pod in pods), "at": action.at}


def _ready_names(slices: Iterable[Manifest]) -> set[str]:
    """Pods by name: one of two address families stands in two slices."""
    return {
        (endpoint.get("targetRef") or {}).get("name", "")
        for each in slices
        for endpoint in each.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
    } - {""}
