"""KEDA's and the VPA's objects: their stand-ins on both clusters write the same."""

from collections.abc import Callable
from typing import Any

from tests.contract.objects import IMAGE, Manifest
from tests.contract.space import Space

KEDA, VPA = "keda.sh/v1alpha1", "autoscaling.k8s.io/v1"
ORDERS = {"type": "azure-servicebus", "metadata": {"queueName": "orders", "messageCount": "5"}}
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
REQUESTS = {"requests": {"cpu": "100m", "memory": "64Mi"}}


def workload(replicas: int = 1) -> Manifest:
    container = {"name": "web", "image": IMAGE, "ports": [{"containerPort": 80}], "resources": REQUESTS}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def scaled_object(
    *triggers: Manifest, target: str = "web", annotations: dict[str, str] | None = None, **spec: Any
) -> Manifest:
    whole = {"scaleTargetRef": {"name": target}, "triggers": list(triggers), **spec}
    metadata = {"name": "web", "labels": {"team": "a"}, "annotations": annotations or {}}
    return {"apiVersion": KEDA, "kind": "ScaledObject", "metadata": metadata, "spec": whole}


def measures(value: str) -> dict[str, str]:
    """What the triggers see."""
    return {"test.slipway/metric": value}


def status(space: Space, kind: str, api_version: str) -> Manifest:
    return space.found(space.ref(kind, "web", api_version)).get("status") or {}


def conditions(space: Space) -> dict[str, tuple[str, ...]]:
    found = status(space, "ScaledObject", KEDA).get("conditions") or ()
    return {item["type"]: (item["status"], item.get("reason", "")) for item in found}


def hpa(space: Space) -> Manifest | None:
    return space.live(space.ref("HorizontalPodAutoscaler", "keda-hpa-web", "autoscaling/v2"))


def test_a_scaled_object_gets_its_autoscaler(space: Space) -> None:
    space.apply(workload())
    space.apply(scaled_object(ORDERS, CPU, minReplicaCount=2, maxReplicaCount=9, annotations=measures("25")))
    found = space.until(lambda: hpa(space))
    selector = {"matchLabels": {"scaledobject.keda.sh/name": "web"}}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    outer = {"metric": {"name": "s0-azure-servicebus-orders", "selector": selector}}
    assert {name: found["spec"][name] for name in ("minReplicas", "maxReplicas", "metrics", "scaleTargetRef")} == {
        "minReplicas": 2,
        "maxReplicas": 9,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [
            {"type": "External", "external": {**outer, "target": {"type": "AverageValue", "averageValue": "5"}}},
            {"type": "Resource", "resource": cpu},
        ],
    }
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "keda-operator"
    assert found["metadata"]["ownerReferences"][0]["kind"] == "ScaledObject"
    space.until(lambda: conditions(space).get("Active") == ("True", "ScalerActive"))
    assert conditions(space) == {
        "Ready": ("True", "ScaledObjectReady"),
        "Active": ("True", "ScalerActive"),
        "Fallback": ("False", "NoFallbackFound"),
        "Paused": ("False", ""),
    }
    said = status(space, "ScaledObject", KEDA)
    assert (said["hpaName"], said["triggersTypes"], said["scaleTargetKind"]) == (
        "keda-hpa-web",
        "azure-servicebus,cpu",
        "apps/v1.Deployment",
    )


def test_an_outer_metric_scales_through_the_autoscaler(space: Space) -> None:
    space.apply(workload())
    space.apply(scaled_object(ORDERS, minReplicaCount=2, annotations=measures("25")))
    space.until(lambda: space.replicas() == 5, 60)


def test_a_target_without_triggers_sleeps_and_wakes(space: Space) -> None:
    space.apply(workload(2))
    space.apply(scaled_object(ORDERS))
    space.until(lambda: space.replicas() == 0)
    assert conditions(space)["Active"] == ("False", "ScalerNotActive")
    space.apply(scaled_object(ORDERS, annotations=measures("1")))
    space.until(lambda: space.replicas() == 1)


def test_a_scaled_object_without_a_target_says_so(space: Space) -> None:
    space.apply(scaled_object(CPU, target="nobody"))
    space.until(lambda: conditions(space).get("Ready") == ("False", "ScaledObjectCheckFailed"))
    assert conditions(space)["Active"] == ("Unknown", "UnknownState")
    words = {item["type"]: item.get("message") for item in status(space, "ScaledObject", KEDA)["conditions"]}
    assert words["Ready"] == (
        'ScaledObject doesn\'t have correct scaleTargetRef specification: deployments.apps "nobody" not found'
    )


def test_a_paused_scaled_object_has_no_autoscaler(space: Space) -> None:
    space.apply(workload())
    space.apply(scaled_object(CPU, minReplicaCount=2))
    space.until(lambda: hpa(space))
    space.apply(scaled_object(CPU, minReplicaCount=2, annotations={"autoscaling.keda.sh/paused-replicas": "3"}))
    space.until(lambda: hpa(space) is None and space.replicas() == 3)
    space.until(lambda: conditions(space)["Paused"] == ("True", "ScaledObjectPaused"))
    space.apply(scaled_object(CPU, minReplicaCount=2))
    space.until(lambda: hpa(space))
    space.until(lambda: conditions(space)["Paused"] == ("False", "ScaledObjectUnpaused"))


def vertical(target: str = "web", **policy: Any) -> Manifest:
    spec: Manifest = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}}
    if policy:
        spec["resourcePolicy"] = {"containerPolicies": [{"containerName": "*", **policy}]}
    head = {"apiVersion": VPA, "kind": "VerticalPodAutoscaler", "metadata": {"name": "web"}}
    return {**head, "spec": {**spec, "updatePolicy": {"updateMode": "Off"}}}


def recommended(space: Space) -> list[Manifest]:
    return (status(space, "VerticalPodAutoscaler", VPA).get("recommendation") or {}).get(
        "containerRecommendations"
    ) or []


def provided(space: Space) -> Callable[[], bool]:
    return lambda: any(
        item["type"] == "RecommendationProvided" and item["status"] == "True"
        for item in status(space, "VerticalPodAutoscaler", VPA).get("conditions") or ()
    )


def test_a_vertical_autoscaler_recommends_from_what_the_pods_use(space: Space) -> None:
    space.apply(workload())
    space.apply(vertical())
    space.until(provided(space), 60)
    assert recommended(space) == [
        {
            "containerName": "web",
            "lowerBound": {"cpu": "46m", "memory": "209715200"},
            "target": {"cpu": "57m", "memory": "262144k"},
            "uncappedTarget": {"cpu": "57m", "memory": "262144k"},
            "upperBound": {"cpu": "92m", "memory": "419430400"},
        }
    ]


def test_a_policy_keeps_recommendations_within_bounds(space: Space) -> None:
    space.apply(workload())
    space.apply(vertical(minAllowed={"cpu": "80m"}, maxAllowed={"memory": "128Mi"}))
    space.until(provided(space), 60)
    assert recommended(space)[0]["target"] == {"cpu": "80m", "memory": "128Mi"}


def test_a_vertical_autoscaler_without_a_target_says_so(space: Space) -> None:
    space.apply(vertical("nobody"))
    found = space.until(lambda: status(space, "VerticalPodAutoscaler", VPA).get("conditions"))
    assert {(item["type"], item["status"], item.get("message", "")) for item in found} == {
        ("ConfigUnsupported", "True", 'Cannot read targetRef. Reason: deployments.apps "nobody" not found'),
        ("RecommendationProvided", "False", ""),
    }
