"""What KEDA makes of a ScaledObject: the HPA, the names and values of its triggers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.meta import Object, annotations_of, labels_of, owner_reference

LABEL, VERSION = "scaledobject.keda.sh/name", "2.21.0"
PAUSED, PAUSED_REPLICAS = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"
FORCED, METRIC, FAIL = "autoscaling.keda.sh/force-activation", "test.slipway/metric", "test.slipway/fail"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_THRESHOLDS = (
    "value",
    "threshold",
    "queueLength",
    "listLength",
    "lagThreshold",
    "messageCount",
    "targetQueryValue",
    "desiredReplicas",
    "streamLength",
    "pendingEntriesCount",
    "blobCount",
    "unprocessedEventThreshold",
    "subscriptionSize",
    "targetPipelinesQueueLength",
)
_SUBJECTS = ("queueName", "topicName", "topic", "listName", "subscriptionName", "stream", "containerName")
_PLAIN = str.maketrans(dict.fromkeys("/.:%()", "-"))
Trigger = Mapping[str, Any]


def triggers_of(scaled: Object) -> Sequence[Trigger]:
    return (scaled.get("spec") or {}).get("triggers") or ()


def target_of(scaled: Object) -> tuple[str, str, str]:
    """(apiVersion, kind, name) of what is scaled; the name is "" where none is said."""
    reference = (scaled.get("spec") or {}).get("scaleTargetRef") or {}
    return reference.get("apiVersion") or "apps/v1", reference.get("kind") or "Deployment", reference.get("name") or ""


def hpa_name(scaled: Object) -> str:
    advanced = (scaled.get("spec") or {}).get("advanced") or {}
    named = (advanced.get("horizontalPodAutoscalerConfig") or {}).get("name")
    return named or f"keda-hpa-{scaled['metadata']['name']}"


def of_pods(trigger: Trigger) -> bool:
    """Whether it is the pods' own use that is measured."""
    return trigger["type"] in ("cpu", "memory")


def number(text: Any) -> float:
    """0 for what is no number."""
    try:
        return float(str(text).strip())
    except ValueError:
        return 0.0


def threshold(trigger: Trigger) -> float:
    """What one replica is to bear; its name differs from one kind of trigger to the next."""
    said = trigger.get("metadata") or {}
    return next((value for name in _THRESHOLDS if (value := number(said.get(name))) > 0), 1.0)


def activation(trigger: Trigger) -> float:
    """Above what the target wakes."""
    said = sorted((trigger.get("metadata") or {}).items())
    return next((number(value) for name, value in said if name.startswith("activation")), 0.0)


def value_of(scaled: Object, place: int) -> float:
    """What a trigger measures: the annotation's number at its place, or its last one."""
    words = annotations_of(scaled).get(METRIC, "").split(",")
    return number(words[min(place, len(words) - 1)])


def metric_name(place: int, trigger: Trigger) -> str:
    """As the scalers name it: s0-azure-servicebus-orders."""
    said = trigger.get("metadata") or {}
    subject = next((said[name] for name in _SUBJECTS if said.get(name)), "")
    whole = f"{trigger['type']}-{subject}" if subject else str(trigger["type"])
    return f"s{place}-{whole.translate(_PLAIN)}"


def external_names(scaled: Object) -> list[str]:
    return [metric_name(place, item) for place, item in enumerate(triggers_of(scaled)) if not of_pods(item)]


def hpa_of(scaled: Object) -> Object:
    """The HorizontalPodAutoscaler that KEDA keeps."""
    spec, name = scaled["spec"], hpa_name(scaled)
    version, kind, target = target_of(scaled)
    least, most = spec.get("minReplicaCount"), spec.get("maxReplicaCount")
    config = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
    labels = {
        **labels_of(scaled),
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/version": VERSION,
        "app.kubernetes.io/part-of": scaled["metadata"]["name"],
        "app.kubernetes.io/managed-by": "keda-operator",
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": name,
            "namespace": scaled["metadata"]["namespace"],
            "labels": labels,
            "annotations": {key: text for key, text in annotations_of(scaled).items() if key != _LAST_APPLIED},
            "ownerReferences": [owner_reference(scaled)],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": version, "kind": kind, "name": target},
            "minReplicas": int(least or 1),
            "maxReplicas": int(most or 100),
            "metrics": [_metric(scaled, place, item) for place, item in enumerate(triggers_of(scaled))],
            **({"behavior": config["behavior"]} if config.get("behavior") else {}),
        },
    }


def _metric(scaled: Object, place: int, trigger: Trigger) -> dict[str, Any]:
    if of_pods(trigger):
        kind = trigger.get("metricType") or "Utilization"
        percent = kind == "Utilization"
        aim = (
            {"averageUtilization": int(threshold(trigger))}
            if percent
            else {"averageValue": trigger["metadata"]["value"]}
        )
        return {"type": "Resource", "resource": {"name": trigger["type"], "target": {"type": kind, **aim}}}
    kind = trigger.get("metricType") or "AverageValue"
    wanted = {"value" if kind == "Value" else "averageValue": _quantity(threshold(trigger))}
    selector = {"matchLabels": {LABEL: scaled["metadata"]["name"]}}
    metric = {"name": metric_name(place, trigger), "selector": selector}
    return {"type": "External", "external": {"metric": metric, "target": {"type": kind, **wanted}}}


def _quantity(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{int(value * 1000)}m"


def measured(scaled: Object, metric: str) -> float | None:
    """What an external metric of the ScaledObject says; None where no trigger is called so, or it fails."""
    if annotations_of(scaled).get(FAIL):
        return None
    named = {metric_name(place, item): place for place, item in enumerate(triggers_of(scaled))}
    return value_of(scaled, named[metric]) if metric in named else None
