"""What becomes of a release's objects where Flagger holds some of its workloads. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from environments.kube import traffic
from environments.kube.apply.ownership import autoscaled
from environments.kube.names import APPLICATION, MANAGED, TRACKING
from environments.kube.objects import Manifest, Ref, ref_of, tracking_of
from environments.kube.status.workload import workload_status
from environments.kube.traffic import Route
from environments.kube.traffic.pods import services_of
from environments.manifests.order import stage_of
from releases.errors import PlanRefused
from releases.plan.objects import Wanted
from releases.strategies.base import Arrangement, Arranging
from releases.strategies.flagger.resource import (
    API_VERSION,
    KIND,
    ROUTERS,
    canary_of,
    interval_of,
    patience,
    policy_of,
    service_left,
    threshold_of,
)
from releases.strategies.flagger.traffic_policy import left_behind
from releases.strategies.flagger.workloads import FlaggerWorkload
from releases.strategies.shared.two_versions import UNTIL_THE_END

SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
OWN_ROUTES = {"VirtualService": "istio", "HTTPRoute": "gateway"}
BEGUN = ("", "Initializing", "Terminating")
PROGRESS_SECONDS = 600.0

OWN_LABELS = frozenset({MANAGED, APPLICATION})


def arrange(given: Arranging) -> Arrangement:
    """The objects with a Canary for each routed Deployment. Raises PlanRefused."""
    if not given.knows(API_VERSION, KIND):
        raise PlanRefused(
            "The cluster does not know the kind Canary.flagger.app: Flagger is not installed there. Install it, or "
            "choose another strategy."
        )
    if given.again:
        return _again(given)
    holds = [hold for wanted in given.objects if (hold := _hold(given, wanted))]
    if not holds:
        raise PlanRefused(
            "Nothing in the bundle leads requests to a Deployment by Istio, Gateway API or an Ingress, and it has no "
            "Canary of its own: there is nothing that Flagger could move. Name the route in slipway.yaml, or choose "
            "another strategy."
        )
    rolled = [
        each.ref.name
        for each in given.objects
        if each.stage == "workloads" and each.ref not in {hold.target for hold, _ in holds}
    ]
    found = [hold for hold, _ in holds]
    notes = (*_notes(found, rolled), *_lost(given, found), *_not_moved(given, found))
    return Arrangement(_objects(given, holds), tuple(hold.to_json() for hold, _ in holds), notes)


def _lost(given: Arranging, holds: Sequence[FlaggerWorkload]) -> tuple[tuple[str, str], ...]:
    """What of the mesh's policies does not hold for the Services that Flagger makes."""
    manifests = [each.manifest for each in given.objects]
    routes = [Route.from_json(hold.route) for hold in holds if hold.route]
    fields = [(each.workload, left_behind(policy_of(manifests, each))) for each in routes if each.router == "istio"]
    words = "; ".join(f"{workload}: {', '.join(names)}" for workload, names in fields if names)
    return (("Without effect, since Flagger's Canary has no such field", words),) if words else ()


def _not_moved(given: Arranging, holds: Sequence[FlaggerWorkload]) -> tuple[tuple[str, str], ...]:
    """What leads to the workloads past the routes that Flagger has: a Canary moves those of one Service alone."""
    manifests = [each.manifest for each in given.objects]
    words = []
    for hold in holds:
        moved = {*(ref.key for ref in hold.given), *hold.replaced}
        routes = [Route.from_json(hold.route)] if hold.route else []
        refs = [ref for ref in traffic.leading(manifests, routes) if ref.key not in moved]
        words += [f"{ref.kind} {ref.name}: {UNTIL_THE_END}" for ref in refs]
        main = {each.service for each in routes}
        others = set(services_of(manifests, hold.target.namespace, hold.target.name)) - main if routes else set()
        words += [f"Service {name}: Flagger does not lead it, it gets pods of both versions" for name in sorted(others)]
    return (("Not moved", "; ".join(words)),) if words else ()


def _again(given: Arranging) -> Arrangement:
    """The objects of an earlier plan, arranged then; who holds what is as it is now."""
    stored = [FlaggerWorkload.from_json(row) for row in given.again]
    holds = [replace(hold, first=not _is_sound(given, hold.target, hold.canary)) for hold in stored]
    live = {hold.target for hold in holds if given.live(hold.target) is not None}
    objects = tuple(_without_replicas(each) if each.ref in live else each for each in given.objects)
    return Arrangement(objects, tuple(hold.to_json() for hold in holds), _notes(holds, []))


def _hold(given: Arranging, wanted: Wanted) -> tuple[FlaggerWorkload, Manifest] | None:
    """What Flagger gets of a Deployment, and its Canary; None for what no requests are led to."""
    if wanted.ref.kind != "Deployment":
        return None
    manifests = [each.manifest for each in given.objects]
    own = next((each for each in manifests if each["kind"] == KIND and _target(each) == wanted.ref.name), None)
    route = _route(given, wanted.ref, own)
    if route is None and own is None:
        return None
    service = _service(given, wanted.ref, own, route)
    scaler = next((each.ref for each in given.objects if each.ref.kind in SCALERS and _scales(each, wanted.ref)), None)
    if own is None and route is not None:
        _refuse_taken(given, route)
        own = _marked(given, wanted, canary_of(wanted.manifest, service, route, scaler, given.parameters, manifests))
    assert own is not None
    given_over, replaced = _routes(given, own)
    first = not _is_sound(given, wanted.ref, ref_of(own, given.namespace))
    limit = given.parameters.get("timeoutSeconds")
    return (
        FlaggerWorkload(
            target=wanted.ref,
            canary=ref_of(own, given.namespace),
            first=first,
            replicas=None if scaler else wanted.manifest["spec"].get("replicas"),
            interval=interval_of(own),
            seconds=float(limit) if limit else patience(own, PROGRESS_SECONDS),
            threshold=threshold_of(own),
            hosts=_hosts(given, route),
            given=given_over,
            replaced=replaced,
            scalers=(scaler.key,) if scaler else (),
            route=route.to_json() if route else {},
            services=(ref_of(service, given.namespace).key,) if _lives(given, service) else (),
        ),
        own,
    )


def _target(canary: Manifest) -> str:
    return str((canary["spec"].get("targetRef") or {}).get("name", ""))


def _route(given: Arranging, ref: Ref, own: Manifest | None) -> Route | None:
    manifests = [each.manifest for each in given.objects]
    provider = str(given.parameters.get("provider") or "")
    route = traffic.choose(manifests, given.routes, ref.namespace, ref.name, ROUTERS.get(provider, ""))
    if route is None or route.router != "service" or own or provider == "kubernetes":
        return route
    # That a Service selects the pods says nothing of requests from outside; the bundle has to name it.
    return route if any(each.workload.rpartition("/")[2] == ref.name for each in given.routes) else None


def _service(given: Arranging, ref: Ref, own: Manifest | None, route: Route | None) -> Manifest:
    name = ((own or {}).get("spec", {}).get("service") or {}).get("name") or (route.service if route else ref.name)
    found = (each.manifest for each in given.objects if each.ref.kind == "Service" and each.ref.name == name)
    service = next(found, None)
    if service is not None:
        return service
    if own is None:
        raise PlanRefused(f"Deployment {ref.name} has no Service {name} in the bundle: Flagger needs to know its port.")
    metadata = {"name": name, "namespace": ref.namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {}}


def _scales(scaler: Wanted, ref: Ref) -> bool:
    return autoscaled([scaler.manifest], ref)


def _refuse_taken(given: Arranging, route: Route) -> None:
    for host in _hosts(given, route):
        if who := given.taken(host):
            raise PlanRefused(f"The requests of {host} are being moved by {who} already; wait until that is over.")


def _hosts(given: Arranging, route: Route | None) -> tuple[str, ...]:
    if route is None:
        return ()
    router = traffic.find(route.router)
    found = (each.manifest for each in given.objects if each.ref == route.object)
    return tuple(host for manifest in found for host in router.hosts(manifest, route))


def _marked(given: Arranging, wanted: Wanted, canary: Manifest) -> Manifest:
    """With the labels and the annotation by which Slipway knows what it wrote."""
    labels = wanted.manifest["metadata"].get("labels") or {}
    kept = {
        name: value for name, value in labels.items() if name.startswith("app.kubernetes.io/") or name in OWN_LABELS
    }
    mark = ((wanted.manifest["metadata"].get("annotations") or {}).get(TRACKING) or given.application).partition(":")[0]
    tracking = tracking_of(mark, ref_of(canary, given.namespace))
    return {**canary, "metadata": {**canary["metadata"], "labels": kept, "annotations": {TRACKING: tracking}}}


def _routes(given: Arranging, canary: Manifest) -> tuple[tuple[Ref, ...], tuple[str, ...]]:
    """The bundle's routes to the workload: those that Flagger writes itself from now on, and those that it replaces."""
    spec = canary["spec"]
    apex = (spec.get("service") or {}).get("name") or _target(canary)
    kinds = {kind for kind, router in OWN_ROUTES.items() if router == ROUTERS.get(spec.get("provider", "istio"))}
    earlier = {Ref(*row["ref"]) for row in (given.previous or {}).get("objects", ())}
    refs = {each.ref for each in given.objects} | earlier
    ours = [ref for ref in sorted(refs) if ref.kind in kinds]
    led = [ref for ref in ours if ref.name == apex or _leads(given, ref, apex)]
    return tuple(r for r in led if r.name == apex), tuple(r.key for r in led if r.name != apex)


def _leads(given: Arranging, ref: Ref, apex: str) -> bool:
    found = next((each.manifest for each in given.objects if each.ref == ref), None)
    router = traffic.find(OWN_ROUTES[ref.kind])
    manifests = [] if found is None else [found, *(e.manifest for e in given.objects if e.ref.kind == "Service")]
    return bool(manifests) and router.detect(manifests, ref.namespace, apex, apex, "") is not None


def _is_sound(given: Arranging, target: Ref, canary: Ref) -> bool:
    """Whether Flagger holds it already, or may take it as it runs: it waits for ever for what does not come up."""
    live = given.live(target)
    if live is None:
        return False
    held = given.live(canary)
    if held is not None and (held.get("status") or {}).get("phase", "") not in BEGUN:
        return True
    return workload_status(live).state == "done" and bool(live["spec"].get("replicas"))


def _lives(given: Arranging, service: Manifest) -> bool:
    return given.live(ref_of(service, given.namespace)) is not None


def _objects(given: Arranging, holds: Sequence[tuple[FlaggerWorkload, Manifest]]) -> tuple[Wanted, ...]:
    dropped = {ref.key for hold, _ in holds for ref in hold.given} | {key for hold, _ in holds for key in hold.replaced}
    have = {each.ref for each in given.objects}
    kept = [_left(given, each, holds) for each in given.objects if each.ref.key not in dropped]
    made = [Wanted(canary, hold.canary, stage_of(canary), 0) for hold, canary in holds if hold.canary not in have]
    return (*kept, *made)


def _left(given: Arranging, wanted: Wanted, holds: Sequence[tuple[FlaggerWorkload, Manifest]]) -> Wanted:
    """An object without what Flagger writes in it."""
    services = {_service_name(canary) for _, canary in holds}
    if wanted.ref.kind == "Service" and wanted.ref.name in services:
        return replace(wanted, manifest=service_left(wanted.manifest))
    hold = next((hold for hold, _ in holds if hold.target == wanted.ref), None)
    if hold is None or given.live(wanted.ref) is None:
        return wanted
    return _without_replicas(wanted)


def _without_replicas(wanted: Wanted) -> Wanted:
    spec = {name: value for name, value in wanted.manifest["spec"].items() if name != "replicas"}
    return replace(wanted, manifest={**wanted.manifest, "spec": spec})


def _service_name(canary: Manifest) -> str:
    return str((canary["spec"].get("service") or {}).get("name") or _target(canary))


def _notes(holds: Sequence[FlaggerWorkload], rolled: Sequence[str]) -> tuple[tuple[str, str], ...]:
    first = [hold.workload for hold in holds if hold.first]
    ready = [hold.workload for hold in holds if not hold.first]
    return tuple(
        (title, words)
        for title, words in (
            ("Flagger moves the requests of", ", ".join(ready)),
            ("Rolled, then handed to Flagger", f"{', '.join(first)}: nothing sound runs yet." if first else ""),
            ("Rolled, since no requests are led to it from outside", ", ".join(rolled)),
        )
        if words
    )


def parameters_fit(parameters: Mapping[str, Any]) -> str:
    """Why parameters do not go together; "" where they do."""
    steps = parameters.get("stepWeights")
    if steps and ("maxWeight" in parameters or "stepWeight" in parameters):
        return "stepWeights names every step: leave maxWeight and stepWeight out, or stepWeights."
    if steps and (steps != sorted(set(steps)) or not steps[0]):
        return f"stepWeights has to rise from more than 0, which {', '.join(map(str, steps))} does not."
    if parameters.get("builtIn") is False and not parameters.get("metrics"):
        return "builtIn is false and metrics has none: nothing would be checked. Give metrics."
    if parameters.get("stepWeight") == 0:
        return "stepWeight is 0: no request would ever reach the new version."
    return ""
