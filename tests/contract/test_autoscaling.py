"""KEDA's and the VPA's objects: their stand-ins on both clusters write the same."""

from collections.abc import Callable
from typing import Any

from tests.contract.namespace import ContractNamespace
from tests.contract.objects import IMAGE, Manifest

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


def status(ns: ContractNamespace, kind: str, api_version: str) -> Manifest:
    return ns.found(ns.ref(kind, "web", api_version)).get("status") or {}


def conditions(ns: ContractNamespace) -> dict[str, tuple[str, ...]]:
    found = status(ns, "ScaledObject", KEDA).get("conditions") or ()
    return {item["type"]: (item["status"], item.get("reason", "")) for item in found}


def hpa(ns: ContractNamespace) -> Manifest | None:
    return ns.live(ns.ref("HorizontalPodAutoscaler", "keda-hpa-web", "autoscaling/v2"))


def test_a_scaled_object_gets_its_autoscaler(ns: ContractNamespace) -> None:
    ns.apply(workload())
    ns.apply(scaled_object(ORDERS, CPU, minReplicaCount=2, maxReplicaCount=9, annotations=measures("25")))
    found = ns.until(lambda: hpa(ns))
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
    ns.until(lambda: conditions(ns).get("Active") == ("True", "ScalerActive"))
    assert conditions(ns) == {
        "Ready": ("True", "ScaledObjectReady"),
        "Active": ("True", "ScalerActive"),
        "Fallback": ("False", "NoFallbackFound"),
        "Paused": ("False", ""),
    }
    said = status(ns, "ScaledObject", KEDA)
    assert (said["hpaName"], said["triggersTypes"], said["scaleTargetKind"]) == (
        "keda-hpa-web",
        "azure-servicebus,cpu",
        "apps/v1.Deployment",
    )


def test_an_outer_metric_scales_through_the_autoscaler(ns: ContractNamespace) -> None:
    ns.apply(workload())
    ns.apply(scaled_object(ORDERS, minReplicaCount=2, annotations=measures("25")))
    ns.until(lambda: ns.replicas() == 5, 60)


def test_a_target_without_triggers_sleeps_and_wakes(ns: ContractNamespace) -> None:
    ns.apply(workload(2))
    ns.apply(scaled_object(ORDERS))
    ns.until(lambda: ns.replicas() == 0)
    assert conditions(ns)["Active"] == ("False", "ScalerNotActive")
    ns.apply(scaled_object(ORDERS, annotations=measures("1")))
    ns.until(lambda: ns.replicas() == 1)


def test_a_scaled_object_without_a_target_says_so(ns: ContractNamespace) -> None:
    ns.apply(scaled_object(CPU, target="nobody"))
    ns.until(lambda: conditions(ns).get("Ready") == ("False", "ScaledObjectCheckFailed"))
    assert conditions(ns)["Active"] == ("Unknown", "UnknownState")
    words = {item["type"]: item.get("message") for item in status(ns, "ScaledObject", KEDA)["conditions"]}
    assert words["Ready"] == (
        'ScaledObject doesn\'t have correct scaleTargetRef specification: deployments.apps "nobody" not found'
    )


def test_a_paused_scaled_object_has_no_autoscaler(ns: ContractNamespace) -> None:
    ns.apply(workload())
    ns.apply(scaled_object(CPU, minReplicaCount=2))
    ns.until(lambda: hpa(ns))
    ns.apply(scaled_object(CPU, minReplicaCount=2, annotations={"autoscaling.keda.sh/paused-replicas": "3"}))
    ns.until(lambda: hpa(ns) is None and ns.replicas() == 3)
    ns.until(lambda: conditions(ns)["Paused"] == ("True", "ScaledObjectPaused"))
    ns.apply(scaled_object(CPU, minReplicaCount=2))
    ns.until(lambda: hpa(ns))
    ns.until(lambda: conditions(ns)["Paused"] == ("False", "ScaledObjectUnpaused"))


def vertical(target: str = "web", **policy: Any) -> Manifest:
    spec: Manifest = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}}
    if policy:
        spec["resourcePolicy"] = {"containerPolicies": [{"containerName": "*", **policy}]}
    head = {"apiVersion": VPA, "kind": "VerticalPodAutoscaler", "metadata": {"name": "web"}}
    return {**head, "spec": {**spec, "updatePolicy": {"updateMode": "Off"}}}


def recommended(ns: ContractNamespace) -> list[Manifest]:
    return (status(ns, "VerticalPodAutoscaler", VPA).get("recommendation") or {}).get("containerRecommendations") or []


def provided(ns: ContractNamespace) -> Callable[[], bool]:
    return lambda: any(
        item["type"] == "RecommendationProvided" and item["status"] == "True"
        for item in status(ns, "VerticalPodAutoscaler", VPA).get("conditions") or ()
    )


def test_a_vertical_autoscaler_recommends_from_what_the_pods_use(ns: ContractNamespace) -> None:
    ns.apply(workload())
    ns.apply(vertical())
    ns.until(provided(ns), 60)
    assert recommended(ns) == [
        {
            "containerName": "web",
            "lowerBound": {"cpu": "46m", "memory": "209715200"},
            "target": {"cpu": "57m", "memory": "262144k"},
            "uncappedTarget": {"cpu": "57m", "memory": "262144k"},
            "upperBound": {"cpu": "92m", "memory": "419430400"},
        }
    ]


def test_a_policy_keeps_recommendations_within_bounds(ns: ContractNamespace) -> None:
    ns.apply(workload())
    ns.apply(vertical(minAllowed={"cpu": "80m"}, maxAllowed={"memory": "128Mi"}))
    ns.until(provided(ns), 60)
    assert recommended(ns)[0]["target"] == {"cpu": "80m", "memory": "128Mi"}


def test_a_vertical_autoscaler_without_a_target_says_so(ns: ContractNamespace) -> None:
    ns.apply(vertical("nobody"))
    found = ns.until(lambda: status(ns, "VerticalPodAutoscaler", VPA).get("conditions"))
    assert {(item["type"], item["status"], item.get("message", "")) for item in found} == {
        ("ConfigUnsupported", "True", 'Cannot read targetRef. Reason: deployments.apps "nobody" not found'),
        ("RecommendationProvided", "False", ""),
    }
