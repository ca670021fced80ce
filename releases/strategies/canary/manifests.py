"""A workload and its canary: the second Deployment and Service that are there only while a rollout runs. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from environments.kube.apply.ownership import autoscaled
from environments.kube.apply.prune import of_a_copy
from environments.kube.names import APPLICATION, CANARY, MANAGED, TRACK, TRACKING, WAVE
from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import Route, find
from releases.plan.objects import Wanted

OWN_LABELS = frozenset({MANAGED, APPLICATION})
SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})


def canary_of(workload: Ref) -> Ref:
    """The Deployment beside it."""
    return workload._replace(name=f"{workload.name}-{CANARY}")


def beside(objects: Iterable[Wanted], moved: Mapping[str, tuple[Sequence[Route], int]]) -> tuple[Wanted, ...]:
    """The objects with a canary beside each workload that has routes, and every route at rest.

    `moved`: (routes, pods to begin with) by the Ref.key of the workload.
    """
    found: list[Wanted] = []
    routes = [route for several, _ in moved.values() for route in several]
    for each in objects:
        at_rest = replace(each, manifest=_at_rest(each, routes))
        if each.ref.key in moved:
            found += [at_rest, _deployment(each, moved[each.ref.key][1])]
        else:
            found.append(at_rest)
            sides = {route.canary: route for route in routes if _is_service(each, route)}
            found += [_service(each, route, alone=_is_pinned(route, routes)) for route in sides.values()]
    return tuple(found)


def _is_pinned(route: Route, routes: Iterable[Route]) -> bool:
    """Whether the route's Service leads to stable alone for as long as the canary is there."""
    kept = (each for each in routes if find(each.router).follows and each.by_host)
    return any((each.namespace, each.service) == (route.namespace, route.service) for each in kept)


def scaler_of(objects: Sequence[Wanted], workload: Ref) -> Ref | None:
    """The autoscaler of the bundle that scales it."""
    return next((each.ref for each in objects if each.ref.kind in SCALERS and scales(each.manifest, workload)), None)


def scales(autoscaler: Manifest, workload: Ref) -> bool:
    """Whether an autoscaler holds the replicas of the workload."""
    return autoscaled([autoscaler], workload)


def _at_rest(wanted: Wanted, routes: Iterable[Route]) -> Manifest:
    manifest = wanted.manifest
    for route in routes:
        manifest = find(route.router).at_rest(manifest, route)
    return manifest


def _is_service(wanted: Wanted, route: Route) -> bool:
    return wanted.ref.key == Ref("v1", "Service", route.namespace, route.service).key


def _deployment(wanted: Wanted, replicas: int) -> Wanted:
    ref, manifest = canary_of(wanted.ref), deepcopy(wanted.manifest)
    spec = manifest["spec"]
    spec["replicas"] = replicas
    spec["selector"] = {**spec["selector"], "matchLabels": {**spec["selector"].get("matchLabels", {}), TRACK: CANARY}}
    metadata = spec["template"].setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), TRACK: CANARY}
    annotations = {name: text for name, text in _annotations(manifest).items() if name != WAVE}
    manifest["metadata"] = {**manifest["metadata"], "name": ref.name, "annotations": of_a_copy(annotations, ref)}
    return replace(wanted, manifest=manifest, ref=ref, temporary=True)


def _service(wanted: Wanted, route: Route, *, alone: bool) -> Wanted:
    """A Service inside the cluster with the same ports, for the canary's pods alone.

    `alone`: no other Service leads to these, so monitors find them by this one.
    """
    ref, given = wanted.ref._replace(name=route.canary), wanted.manifest["spec"]
    ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in given.get("ports") or ()]
    spec: dict[str, Any] = {"selector": {**(given.get("selector") or {}), TRACK: CANARY}, "ports": ports}
    if given.get("clusterIP") == "None":
        spec["clusterIP"] = "None"
    # Without the bundle's annotations, since clouds act on them; and without its labels where monitors would count
    # the pods twice.
    labels = wanted.manifest["metadata"].get("labels") or {}
    own = {key: value for key, value in labels.items() if alone or key in OWN_LABELS}
    tracking = {name: text for name, text in _annotations(wanted.manifest).items() if name == TRACKING}
    metadata = {
        "name": ref.name,
        "namespace": ref.namespace,
        "labels": own,
        "annotations": of_a_copy(tracking, ref),
    }
    manifest: Manifest = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    return Wanted(manifest, ref, wanted.stage, wanted.wave, temporary=True)


def _annotations(manifest: Mapping[str, Any]) -> dict[str, str]:
    return dict(manifest["metadata"].get("annotations") or {})
