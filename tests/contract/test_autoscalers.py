"""KEDA's and the recommender's words, and who has the replicas of what KEDA scales."""

from typing import Any

import pytest

from environments.kube.apply.ownership import REPLICAS, autoscaled, owns
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.autoscaling import autoscalers, slim, target_of
from environments.kube.autoscaling.reading import AutoscalerReader
from environments.kube.objects import Manifest
from releases.plan.objects import Wanted
from releases.planning.dry_run import survey
from tests.contract.objects import deployment
from tests.contract.space import Space

TEMPLATE = {"spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}}


def scaled_object(space: Space, least: int = 3) -> Manifest:
    """It names no kind: KEDA takes a Deployment. The metric is what its double is told by the annotation."""
    trigger = {"type": "rabbitmq", "metadata": {"queueName": "orders", "mode": "QueueLength", "value": "10"}}
    spec = {"scaleTargetRef": {"name": "web"}, "minReplicaCount": least, "maxReplicaCount": 9, "triggers": [trigger]}
    metadata = {"name": "web-scaler", "annotations": {"test.slipway/metric": "25"}}
    return space.here({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec})


def here(space: Space) -> list[Manifest]:
    found = AutoscalerReader(space.gateway, lambda objects: None).read()
    return [each for each in found if each["metadata"]["namespace"] == space.name]


def wanted(space: Space, **more: Any) -> Wanted:
    manifest = space.here(deployment(**more))
    return Wanted(manifest, space.ref(), "workloads", 2)


@pytest.fixture
def scaled(space: Space) -> Space:
    """A Deployment that we applied, and that KEDA, by somebody else's ScaledObject, brought to four pods."""
    apply_object(space.gateway, space.here(deployment(replicas=1)), sequence=1)
    space.apply(scaled_object(space), manager="platform-team")
    space.until(lambda: space.replicas() >= 3)
    return space


def test_a_scaled_object_and_its_hpa_are_told_of_as_one(scaled: Space):
    def told() -> Any:
        found = autoscalers(here(scaled), TEMPLATE)
        return found if found and found[0].line.endswith("its triggers are active") else None

    (found,) = scaled.until(told)
    assert (found.kind, found.name, found.state) == ("KEDA", "web-scaler", "good")
    assert found.details[0].value == "10 a pod, active"
    assert {target_of(each) for each in here(scaled)} == {scaled.ref()}


def test_a_release_leaves_the_replicas_to_a_scaled_object_that_is_not_in_its_bundle(scaled: Space):
    before = scaled.replicas()
    around = survey(scaled.gateway, [wanted(scaled, replicas=1)], [])
    # Without the HPA that KEDA keeps: a paused ScaledObject has none.
    holding = autoscaled([each for each in around.autoscalers if each["kind"] == "ScaledObject"], scaled.ref())
    assert holding
    manifest = scaled.here(deployment(replicas=1, image="example.test/shop/web:2"))
    applied = apply_object(scaled.gateway, manifest, sequence=2, scaler=holding).object
    assert applied["spec"]["replicas"] >= before >= 3
    assert not owns(applied, "slipway-scale", REPLICAS)
    assert not owns(applied, "slipway", REPLICAS)


def test_a_recommendation_is_beside_the_requests(space: Space):
    space.apply(deployment(replicas=1))
    spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    spec["updatePolicy"] = {"updateMode": "Off"}
    version, kind = "autoscaling.k8s.io/v1", "VerticalPodAutoscaler"
    space.apply(space.here({"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}))

    def told() -> Any:
        (found,) = autoscalers([slim(each) for each in here(space)], TEMPLATE) or (None,)
        return found if found and found.details else None

    found = space.until(told)
    assert (found.kind, found.line.startswith("only recommends: web cpu ")) == ("VPA", True)
    assert [each.label for each in found.details] == ["web cpu", "web memory"]
    assert found.details[0].value.startswith("requests 500m, ")
