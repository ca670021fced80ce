"""KEDA's and the VPA's stand-ins in the sandbox."""

from typing import Any

import pytest

from sandbox import recorded, scalers
from sandbox.store import key_of
from tests.sandbox.world import World, workload

Manifest = dict[str, Any]
QUEUE = {"type": "azure-servicebus", "metadata": {"queueName": "a.b/c", "messageCount": "10"}}
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "50"}}


def scaled(*triggers: Manifest, annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    whole = {"scaleTargetRef": {"name": "web"}, "triggers": list(triggers), **spec}
    metadata = {"name": "web", "namespace": "d", "annotations": annotations or {}}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": whole}


class Scaled(World):
    """A world with KEDA, the VPA and the Deployment "web"."""

    def __init__(self, **spec: Any) -> None:
        super().__init__()
        recorded.install(self.api, ("keda", "vpa"))
        self.create(workload(**spec))

    @property
    def replicas(self) -> int:
        return self.get("Deployment", "web")["spec"]["replicas"]

    def annotate(self, **said: str) -> None:
        """test.slipway's annotations of the ScaledObject."""
        annotations = {f"test.slipway/{name}": text for name, text in said.items()}
        self.client.change(key_of(scaled()), lambda obj: obj["metadata"].update(annotations=annotations))

    def verdict(self, kind: str) -> tuple[str, str]:
        listed = self.client.get("keda.sh", "ScaledObject", "d", "web")["status"]["conditions"]
        found = next(item for item in listed if item["type"] == kind)
        return found["status"], found.get("reason", "")


def test_a_target_is_woken_kept_warm_and_put_to_sleep():
    world = Scaled(replicas=1)
    world.create(scaled(QUEUE, cooldownPeriod=4))
    assert world.after(5).replicas == 0
    world.annotate(metric="1")
    assert world.after(5).replicas == 1
    assert world.verdict("Active") == ("True", "ScalerActive")
    world.annotate(metric="0")
    assert world.after(2.5).verdict("Active") == ("False", "ScalerCooldown")
    assert world.replicas == 1
    assert world.after(5).replicas == 0
    assert world.events("KEDAScaleTargetActivated") == [
        "Scaled apps/v1.Deployment d/web from 0 to 1, triggered by azure-servicebus"
    ]
    assert "Deactivated apps/v1.Deployment d/web from 1 to 0" in world.events("KEDAScaleTargetDeactivated")


def test_processor_alone_never_wakes_a_target():
    world = Scaled(replicas=0)
    world.create(scaled(CPU))
    assert world.after(10).replicas == 0
    assert world.verdict("Active") == ("False", "ScalerNotActive")


def test_an_idle_count_holds_below_the_least():
    world = Scaled(replicas=3)
    world.create(scaled(QUEUE, minReplicaCount=2, idleReplicaCount=0))
    assert world.after(10).replicas == 0
    world.annotate(metric="5")
    assert world.after(5).replicas == 2


def test_the_autoscaler_follows_the_queue():
    world = Scaled(replicas=1)
    world.create(scaled(QUEUE, minReplicaCount=1, maxReplicaCount=6, annotations={"test.slipway/metric": "35"}))
    assert world.after(40).replicas == 4
    world.annotate(metric="1000")
    assert world.after(40).replicas == 6


def test_a_trigger_that_fails_is_said_and_nothing_scales():
    world = Scaled(replicas=2)
    world.create(scaled(QUEUE, minReplicaCount=1, annotations={"test.slipway/fail": "queue unreachable"}))
    assert world.after(20).verdict("Ready") == ("False", "TriggerError")
    assert world.events("KEDAScalerFailed") == ["queue unreachable"]
    assert world.replicas == 2


def test_the_autoscaler_goes_with_its_scaled_object():
    world = Scaled(replicas=1)
    world.create(scaled(CPU))
    assert world.after(5).find("HorizontalPodAutoscaler", "keda-hpa-web")
    world.client.delete(key_of(scaled()))
    assert world.after(5).find("HorizontalPodAutoscaler", "keda-hpa-web") is None


NAMES = [
    (QUEUE, "s0-azure-servicebus-a-b-c"),
    ({"type": "prometheus", "metadata": {"query": "up"}}, "s0-prometheus"),
    ({"type": "kafka", "metadata": {"topic": "orders"}}, "s0-kafka-orders"),
]


@pytest.mark.parametrize(("trigger", "wanted"), NAMES)
def test_metrics_are_named_as_the_scalers_name_them(trigger: Manifest, wanted: str):
    assert scalers.external_names(scaled(trigger)) == [wanted]


def test_one_value_counts_for_all_triggers_and_several_for_one_each():
    one, two = scaled(annotations={scalers.METRIC: "7"}), scaled(annotations={scalers.METRIC: "7, 8"})
    assert [scalers.value_of(one, 0), scalers.value_of(one, 1)] == [7, 7]
    assert [scalers.value_of(two, 0), scalers.value_of(two, 1)] == [7, 8]


def vertical(**spec: Any) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "d"},
        "spec": {"targetRef": target, **spec},
    }


def recommended(world: World) -> list[Manifest]:
    status = world.client.get("autoscaling.k8s.io", "VerticalPodAutoscaler", "d", "web").get("status") or {}
    return (status.get("recommendation") or {}).get("containerRecommendations", [])


def test_recommendations_follow_what_the_pods_use():
    world = Scaled(behaviour={"cpu_millicores": 400, "memory_mib": 1000}, replicas=1)
    world.create(vertical())
    assert recommended(world.after(10))[0]["target"] == {"cpu": "460m", "memory": "1205862400"}
    world.change_template("Deployment", "web", {"cpu_millicores": 800, "memory_mib": 1000})
    assert recommended(world.after(30))[0]["target"]["cpu"] == "920m"


def test_a_container_that_its_policy_leaves_out_has_none():
    world = Scaled(replicas=1)
    world.create(vertical(resourcePolicy={"containerPolicies": [{"containerName": "web", "mode": "Off"}]}))
    assert recommended(world.after(10)) == []


def test_a_steady_recommendation_is_written_once():
    world = Scaled(replicas=1)
    world.create(vertical())
    version = world.after(20).api.store.version
    assert recommended(world)
    assert world.after(60).api.store.version == version
