"""KEDA's ScaledObjects: whether they are at work, and the HPA that each keeps."""

from collections.abc import Mapping
from typing import Any, ClassVar

from environments.kube.autoscaling import hpa
from environments.kube.autoscaling.base import Autoscaler, AutoscalerState, Beside, Detail, Scaler, said
from environments.kube.objects import Manifest
from environments.kube.status.verdict import condition, counted, holds, section

THRESHOLDS = (
    "threshold", "value", "targetValue", "queueLength", "listLength", "lagThreshold", "messageCount",
    "targetQueryValue", "desiredReplicas", "streamLength",
)  # fmt: skip


class ScaledObject(Scaler):
    api_version: ClassVar[str] = "keda.sh/v1alpha1"
    kind: ClassVar[str] = "ScaledObject"

    def describe(self, obj: Manifest, beside: Beside) -> Autoscaler:
        own = own_hpa(obj, beside.others)
        state, why = _state(obj, own)
        pods = hpa.pods_of(own) if own else _bounds(section(obj, "spec"))
        details = (*_triggers(obj), *(hpa.metrics_of(own) if own else ()), *_health(obj))
        return Autoscaler("KEDA", obj["metadata"]["name"], f"{pods}; {why}", state, details)


def own_hpa(obj: Manifest, others: tuple[Manifest, ...]) -> Manifest | None:
    """The HPA that KEDA keeps for it."""
    name = section(obj, "status").get("hpaName") or f"keda-hpa-{obj['metadata']['name']}"
    return next(
        (each for each in others if each["kind"] == "HorizontalPodAutoscaler" and each["metadata"]["name"] == name),
        None,
    )


def _state(obj: Manifest, own: Manifest | None) -> tuple[AutoscalerState, str]:
    status = section(obj, "status")
    if not status.get("conditions"):
        return "wait", "KEDA has not looked at it yet"
    if condition(status, "Ready").get("status") == "False":
        return "fail", f"not ready: {said(status, 'Ready')}"
    if holds(status, "Paused"):
        count = status.get("pausedReplicaCount")
        return "hold", f"paused at {counted(count, 'pod')}" if count is not None else "paused"
    if holds(status, "Fallback"):
        fallback = (section(obj, "spec").get("fallback") or {}).get("replicas", "?")
        return "fail", f"a trigger cannot be read, so it falls back to {fallback} pods"
    if own and (found := hpa.state_of(own))[0] == "fail":
        return found
    if holds(status, "Active"):
        return "good", "its triggers are active"
    return "good", "no trigger is active"


def _bounds(spec: Mapping[str, Any]) -> str:
    return f"{spec.get('minReplicaCount', 0)} to {spec.get('maxReplicaCount', 100)} pods"


def _triggers(obj: Manifest) -> tuple[Detail, ...]:
    active = section(obj, "status").get("triggersActivity") or {}
    names = {
        int(name[1:].partition("-")[0]): each for name, each in active.items() if name[1:].partition("-")[0].isdigit()
    }
    triggers = section(obj, "spec").get("triggers") or ()
    return tuple(_trigger(each, names.get(index)) for index, each in enumerate(triggers))


def _trigger(trigger: Mapping[str, Any], activity: Mapping[str, Any] | None) -> Detail:
    metadata = trigger.get("metadata") or {}
    limit = next((f"{metadata[name]} a pod" for name in THRESHOLDS if metadata.get(name)), "")
    on = "" if activity is None else "active" if activity.get("isActive") else "not active"
    label = trigger.get("name") or trigger.get("type", "")
    return Detail(f"trigger {label}", ", ".join(filter(None, [limit, on])) or "no threshold")


def _health(obj: Manifest) -> tuple[Detail, ...]:
    every = section(obj, "status").get("health") or {}
    failing = {name: each for name, each in every.items() if each.get("status") == "Failing"}
    return tuple(
        Detail(name, f"failed {counted(each.get('numberOfFailures', 0), 'time')} in a row", "fail")
        for name, each in sorted(failing.items())
    )


SCALER = ScaledObject()
