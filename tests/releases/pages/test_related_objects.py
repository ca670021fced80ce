"""What stands beside the workloads of a rollout, on the page and in the API: traffic policies and autoscalers."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.kube.policies import planned
from environments.models import Workload
from portal import blobs, tokens
from releases.models import Rollout
from releases.states import Phase
from tests.releases.world import World

pytestmark = pytest.mark.django_db
PEERS = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": "shop-prod"},
    "spec": {"mtls": {"mode": "STRICT"}},
}
CONTAINER = {"name": "web", "image": "shop/web:1", "resources": {"requests": {"cpu": "500m"}}}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop-prod"},
    "spec": {"template": {"spec": {"containers": [CONTAINER]}}},
}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
RECOMMENDED = {"containerName": "web", "lowerBound": {"cpu": "1"}, "target": {"cpu": "2"}, "upperBound": {"cpu": "4"}}
VPA = {
    "apiVersion": "autoscaling.k8s.io/v1",
    "kind": "VerticalPodAutoscaler",
    "metadata": {"name": "web-vpa", "namespace": "shop-prod"},
    "spec": {"targetRef": TARGET, "updatePolicy": {"updateMode": "Off"}},
    "status": {"recommendation": {"containerRecommendations": [RECOMMENDED]}},
}


def row(manifest: dict[str, Any], stage: str) -> dict[str, Any]:
    metadata = manifest["metadata"]
    ref = [manifest["apiVersion"], manifest["kind"], metadata["namespace"], metadata["name"]]
    return {"ref": ref, "stage": stage, "wave": 0, "manifest": manifest}


PLAN = {
    "namespace": "shop-prod",
    "images": {},
    "objects": [row(PEERS, "configuration"), row(WEB, "workloads")],
    "changes": [],
    "risks": [],
    "steps": [],
}


@pytest.fixture
def rollout(world: World) -> Rollout:
    return world.rollout(Phase.PROGRESSING, plan_digest=blobs.store_json(PLAN))


def read_back(rollout: Rollout, state: str, note: str = "") -> None:
    (policy,) = planned(PEERS)
    rollout.policies = [{**policy.to_json(), "state": state, "note": note}]
    rollout.save()


def scaled(rollout: Rollout, *autoscalers: dict[str, Any]) -> None:
    Workload.objects.create(
        cluster=rollout.environment.cluster,
        kind="Deployment",
        namespace="shop-prod",
        name="web",
        uid="1",
        resource_version="1",
        object={**WEB, "spec": {"replicas": 1}, "status": {}},
        seen_at=timezone.now(),
        autoscaling=list(autoscalers),
    )


def page(world: World, rollout: Rollout) -> str:
    client = Client()
    client.force_login(world.people["lead"].user)
    return client.get(f"/rollouts/{rollout.pk}?tab=now").content.decode()


def answer(world: World, rollout: Rollout) -> dict[str, Any]:
    user = world.people["lead"].user
    assert user
    token = tokens.issue(user, "test", (), (), timezone.now() + timedelta(hours=1))[0]
    found: dict[str, Any] = (
        Client(headers={"Authorization": f"Bearer {token}"}).get(f"/api/v1/rollouts/{rollout.pk}").json()
    )
    return found


def test_a_policy_is_shown_before_it_is_applied(world: World, rollout: Rollout) -> None:
    shown = page(world, rollout)
    assert "mTLS STRICT for the whole namespace" in shown
    assert "not applied yet" in shown


@pytest.mark.parametrize(
    ("state", "words", "count"),
    [("accepted", "in effect", 1), ("overridden", "to be looked at", 0), ("refused", "not accepted", 0)],
)
def test_a_policy_is_shown_as_it_was_read_back(world: World, rollout: Rollout, state: str, words: str, count: int):
    read_back(rollout, state, "default is older")
    shown = page(world, rollout)
    assert words in shown
    assert "default is older" in shown
    assert f"{count} of 1 in effect" in shown


def test_a_policy_that_another_plan_had_is_not_shown_as_this_ones(world: World, rollout: Rollout) -> None:
    read_back(rollout, "accepted")
    rollout.policies[0]["does"] = "mTLS PERMISSIVE for the whole namespace"
    rollout.save()
    assert [each["state"] for each in answer(world, rollout)["policies"]] == ["planned"]


def test_the_api_has_the_policies(world: World, rollout: Rollout) -> None:
    read_back(rollout, "overridden", "default is older")
    assert answer(world, rollout)["policies"] == [
        {
            "family": "mtls",
            "title": "Mutual TLS",
            "kind": "PeerAuthentication",
            "namespace": "shop-prod",
            "name": "default",
            "does": "mTLS STRICT for the whole namespace",
            "state": "overridden",
            "note": "default is older",
        }
    ]


def test_an_autoscaler_is_beside_its_workload(world: World, rollout: Rollout) -> None:
    scaled(rollout, VPA)
    shown = page(world, rollout)
    assert "only recommends: web cpu 75 % below" in shown
    assert "web cpu: requests 500m, 75 % below the recommended 2 (1 to 4)" in shown


def test_the_api_has_the_autoscalers(world: World, rollout: Rollout) -> None:
    scaled(rollout, VPA)
    (found,) = answer(world, rollout)["autoscaling"]
    assert (found["workload"], found["kind"], found["name"], found["state"]) == (
        "Deployment shop-prod/web",
        "VPA",
        "web-vpa",
        "hold",
    )
    assert [detail["state"] for detail in found["details"]] == ["fail"]


def test_a_workload_without_autoscalers_has_none(world: World, rollout: Rollout) -> None:
    scaled(rollout)
    assert answer(world, rollout)["autoscaling"] == []
    assert "<details" not in page(world, rollout).partition("<h2>Workloads</h2>")[2].partition("</section>")[0]
