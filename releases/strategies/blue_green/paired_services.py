"""A bundle that brings the Services of both colours itself: made one Service, which Slipway leads. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from environments.kube.names import TRACKING
from environments.kube.objects import Manifest, Ref, tracking_of
from environments.kube.traffic import Route, find
from releases.plan.objects import Wanted
from releases.strategies.blue_green.colours import COLOURS

ROUTERS = {"Ingress": "nginx", "HTTPRoute": "gateway", "VirtualService": "istio"}


def unpaired(objects: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """The objects with one Service in place of WORKLOAD-blue and WORKLOAD-green, and the routes led to it.

    It selects by what both have in common, so that a version in their selectors is no part of it.
    """
    found = tuple(objects)
    for each in found:
        if each.ref.kind == "Deployment" and (pair := _pair(found, each.ref)):
            found = _joined(found, each.ref, pair)
    return found


def _pair(objects: Iterable[Wanted], workload: Ref) -> list[Wanted]:
    names = {f"{workload.name}-{colour}" for colour in COLOURS}
    near = (each for each in objects if each.ref.kind == "Service" and each.ref.namespace == workload.namespace)
    pair = [each for each in near if each.ref.name in names]
    return pair if len(pair) == len(names) else []


def _joined(objects: Iterable[Wanted], workload: Ref, pair: list[Wanted]) -> tuple[Wanted, ...]:
    plain = pair[0].ref._replace(name=workload.name)
    there = {each.ref for each in objects}
    joined = [] if plain in there else [_one(pair, plain)]
    kept = [each for each in objects if each not in pair]
    at = next(place for place, each in enumerate(objects) if each in pair)
    pointed = [replace(each, manifest=_pointed(each, workload)) for each in kept]
    return (*pointed[:at], *joined, *pointed[at:])


def _one(pair: list[Wanted], ref: Ref) -> Wanted:
    first, last = (each.manifest["spec"].get("selector") or {} for each in (pair[0], pair[-1]))
    selector = {name: value for name, value in first.items() if last.get(name) == value}
    given = pair[0].manifest
    mark = ((given["metadata"].get("annotations") or {}).get(TRACKING) or "").partition(":")[0]
    labels = {name: value for name, value in (given["metadata"].get("labels") or {}).items() if value not in COLOURS}
    annotations = {**(given["metadata"].get("annotations") or {}), TRACKING: tracking_of(mark, ref)}
    metadata = {**given["metadata"], "name": ref.name, "labels": labels, "annotations": annotations}
    manifest = {**given, "metadata": metadata, "spec": {**given["spec"], "selector": selector}}
    return replace(pair[0], ref=ref, manifest=manifest)


def _pointed(wanted: Wanted, workload: Ref) -> Manifest:
    router = ROUTERS.get(wanted.ref.kind)
    if router is None:
        return wanted.manifest
    route = Route(router, workload.namespace, workload.name, workload.name, wanted.ref)
    leads_to_one = find(router).target_of(wanted.manifest, route)
    return find(router).point(wanted.manifest, route, workload.name) if leads_to_one else wanted.manifest
