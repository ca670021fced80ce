"""Which pods a Service leads to, by the labels of the workloads that make them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from environments.kube.names import CANARY
from environments.kube.objects import Manifest
from environments.kube.traffic.base import COLOURS, Route, of_kind

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def labels_of(objects: Sequence[Manifest], namespace: str, workload: str) -> Mapping[str, str]:
    """The labels of a workload's pods, {} for one that is not among the objects."""
    for each in objects:
        if each.get("kind") in WORKLOADS and _named(each, namespace) == (namespace, workload):
            return pod_labels(each)
    return {}


def pod_labels(workload: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of the pods that a workload makes."""
    return ((workload["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}


def _named(manifest: Manifest, namespace: str) -> tuple[str, str]:
    metadata = manifest.get("metadata", {})
    return metadata.get("namespace", namespace), metadata.get("name", "")


def services_of(objects: Sequence[Manifest], namespace: str, workload: str) -> list[str]:
    """The Services that lead to the workload's pods, that of its own name first."""
    labels = labels_of(objects, namespace, workload)
    services = of_kind(objects, "", "Service")
    found = [
        _named(each, namespace)[1]
        for each in services
        if _named(each, namespace)[0] == namespace and selects(each, labels)
    ]
    return sorted(dict.fromkeys(found), key=lambda name: name != workload)


def selects(service: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a Service's selector is of these labels."""
    selector = (service.get("spec") or {}).get("selector") or {}
    return bool(selector) and selector.items() <= labels.items()


def behind(objects: Sequence[Manifest], route: Route) -> list[Manifest]:
    """The other workloads whose pods the route's Service leads to as well."""
    services = [
        each
        for each in of_kind(objects, "", "Service")
        if _named(each, route.namespace) == (route.namespace, route.service)
    ]
    sides = {route.workload, f"{route.workload}-{CANARY}", *(f"{route.workload}-{colour}" for colour in COLOURS)}
    near = [
        each
        for each in objects
        if each.get("kind") in WORKLOADS
        and _named(each, route.namespace)[0] == route.namespace
        and _named(each, route.namespace)[1] not in sides
    ]
    return [each for each in near if any(selects(service, pod_labels(each)) for service in services)]


def neighbours_of(objects: Sequence[Manifest], route: Route) -> list[Mapping[str, str]]:
    """The labels of the pods of these others."""
    return [pod_labels(each) for each in behind(objects, route)]
