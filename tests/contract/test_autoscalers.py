"""KEDA's and the recommender's words, and who has the replicas of what KEDA scales."""

from typing import Any

import pytest

from environments.kube.apply.managers import REPLICAS
from environments.kube.apply.ownership import autoscaled, owns
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.autoscaling import autoscalers, slim, target_of
from environments.kube.autoscaling.reading import AutoscalerReader
from environments.kube.objects import Manifest
from releases.plan.objects import Wanted
from releases.planning.dry_run import survey
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import deployment

TEMPLATE = {"spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}}


def scaled_object(ns: ContractNamespace, least: int = 3) -> Manifest:
    """It names no kind: KEDA takes a Deployment. The metric is what its double is told by the annotation."""
    trigger = {"type": "rabbitmq", "metadata": {"queueName": "orders", "mode": "QueueLength", "value": "10"}}
    spec = {"scaleTargetRef": {"name": "web"}, "minReplicaCount": least, "maxReplicaCount": 9, "triggers": [trigger]}
    metadata = {"name": "web-scaler", "annotations": {"test.slipway/metric": "25"}}
    return ns.here({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec})


def here(ns: ContractNamespace) -> list[Manifest]:
    found = AutoscalerReader(ns.gateway, lambda objects: None).read()
    return [each for each in found if each["metadata"]["namespace"] == ns.name]


def wanted(ns: ContractNamespace, **more: Any) -> Wanted:
    manifest = ns.here(deployment(**more))
    return Wanted(manifest, ns.ref(), "workloads", 2)


@pytest.fixture
def scaled(ns: ContractNamespace) -> ContractNamespace:
    """A Deployment that we applied, and that KEDA, by somebody else's ScaledObject, brought to four pods."""
    apply_object(ns.gateway, ns.here(deployment(replicas=1)), sequence=1)
    ns.apply(scaled_object(ns), manager="platform-team")
    ns.until(lambda: ns.replicas() >= 3)
    return ns


def test_a_scaled_object_and_its_hpa_are_told_of_as_one(scaled: ContractNamespace):
    def told() -> Any:
        found = autoscalers(here(scaled), TEMPLATE)
        return found if found and found[0].line.endswith("its triggers are active") else None

    (found,) = scaled.until(told)
    assert (found.kind, found.name, found.state) == ("KEDA", "web-scaler", "good")
    assert found.details[0].value == "10 a pod, active"
    assert {target_of(each) for each in here(scaled)} == {scaled.ref()}


def test_a_release_leaves_the_replicas_to_a_scaled_object_that_is_not_in_its_bundle(scaled: ContractNamespace):
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


def test_a_recommendation_is_beside_the_requests(ns: ContractNamespace):
    ns.apply(deployment(replicas=1))
    spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    spec["updatePolicy"] = {"updateMode": "Off"}
    version, kind = "autoscaling.k8s.io/v1", "VerticalPodAutoscaler"
    ns.apply(ns.here({"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}))

    def told() -> Any:
        (found,) = autoscalers([slim(each) for each in here(ns)], TEMPLATE) or (None,)
        return found if found and found.details else None

    found = ns.until(told)
    assert (found.kind, found.line.startswith("only recommends: web cpu ")) == ("VPA", True)
    assert [each.label for each in found.details] == ["web cpu", "web memory"]
    assert found.details[0].value.startswith("requests 500m, ")
