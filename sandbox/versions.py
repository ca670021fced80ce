"""Kinds that are served at more than one version or by more than one group: from and to what is stored. Pure."""

from typing import Any

from sandbox.kinds import ApiResource
from sandbox.store import Object

_HPA = ("autoscaling", "HorizontalPodAutoscaler")
_EVENT = ("events.k8s.io", "Event")


def is_stored(kind: ApiResource) -> bool:
    """Whether a kind, at its version, is stored as it is served."""
    if (kind.group, kind.kind) == _EVENT:
        return False
    if kind.definition is not None:
        return bool(kind.version == kind.definition["stored"])
    return kind.version == kind.versions[0]


def to_stored(kind: ApiResource, value: Object) -> Object:
    if is_stored(kind):
        return value
    if (kind.group, kind.kind) == _HPA:
        return _hpa_v2(value)
    if (kind.group, kind.kind) == _EVENT:
        return _renamed({**value, "apiVersion": "v1"}, _EVENT_NAMES)
    return {**value, "apiVersion": f"{kind.group}/{(kind.definition or {})['stored']}"}


def to_version(kind: ApiResource, value: Object) -> Object:
    """A stored object as a version shows it; the stored one is not changed."""
    if is_stored(kind):
        return value
    if (kind.group, kind.kind) == _HPA:
        return _hpa_v1(value)
    if (kind.group, kind.kind) == _EVENT:
        back = {new: old for old, new in _EVENT_NAMES.items()}
        return _renamed({**value, "apiVersion": kind.api_version}, back)
    return {**value, "apiVersion": kind.api_version}


_EVENT_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


def _renamed(value: Object, names: dict[str, str]) -> Object:
    return {names.get(name, name): inner for name, inner in value.items()}


def _hpa_v2(value: Object) -> Object:
    spec = dict(value.get("spec") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        spec["metrics"] = [_cpu("target", {"type": "Utilization", "averageUtilization": target})]
    return {**value, "apiVersion": "autoscaling/v2", "spec": spec}


def _hpa_v1(value: Object) -> Object:
    spec, status = dict(value["spec"]), dict(value.get("status") or {})
    cpu = _utilization(spec.pop("metrics", None) or (), "target")
    now = _utilization(status.pop("currentMetrics", None) or (), "current")
    spec.pop("behavior", None)
    status.pop("conditions", None)
    spec |= {} if cpu is None else {"targetCPUUtilizationPercentage": cpu}
    status |= {} if now is None else {"currentCPUUtilizationPercentage": now}
    return {**value, "apiVersion": "autoscaling/v1", "spec": spec, "status": status}


def _cpu(member: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": "cpu", member: found}}


def _utilization(metrics: Any, member: str) -> int | None:
    for metric in metrics:
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            found: int | None = (resource.get(member) or {}).get("averageUtilization")
            return found
    return None
