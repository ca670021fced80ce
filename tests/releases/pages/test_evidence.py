"""The card that says where requests go, and the drawings of what was measured."""

import pytest
from django.test import Client

from environments.kube.objects import Ref
from environments.kube.traffic import Route
from portal import blobs
from releases.models import Measurement, Rollout
from releases.states import Phase
from releases.strategies.canary.workloads import CanaryWorkload
from tests.releases.world import World

pytestmark = pytest.mark.django_db
METRICS = [{"template": "success-rate"}, {"name": "queue", "query": "sum(queue{app='{{target}}'})", "max": 5}]
ROUTE = Route("istio", "s", "web", "web", Ref("networking.istio.io/v1", "VirtualService", "s", "web"))
PLAN = {
    "namespace": "shop-prod",
    "images": {},
    "objects": [],
    "changes": [],
    "risks": [],
    "traffic": [CanaryWorkload("web", "apps/Deployment/s/web", "apps/Deployment/s/web-canary", ROUTE, 3).to_json()],
    "steps": [{"kind": "weight", "label": "5 %", "objects": [], "settings": {"metrics": METRICS}}],
}


@pytest.fixture
def rollout(world: World) -> Rollout:
    made = world.rollout(Phase.PROGRESSING, plan_digest=blobs.store_json(PLAN), shares={"web": 25})
    rows = [("success-rate", 99.9, "pass", 5), ("success-rate", 91.25, "fail", 25), ("queue", None, "inconclusive", 25)]
    for number, (metric, value, verdict, weight) in enumerate(rows):
        Measurement.objects.create(
            rollout=made, index=3, workload="web", metric=metric, at=1000.0 + number, weight=weight, canary=value,
            stable=99.95, low=99 if metric == "success-rate" else None, verdict=verdict, why=f"why {verdict}",
        )  # fmt: skip
    return made


def page_of(rollout: Rollout, world: World) -> str:
    client = Client()
    client.force_login(world.people["lead"].user)
    return str(client.get(f"/rollouts/{rollout.pk}?tab=now").content.decode())


def test_the_share_and_the_newest_value_of_each_metric_are_told_with_their_limit(
    rollout: Rollout, world: World
) -> None:
    page = page_of(rollout, world)
    assert "25 percent of the requests to web go to 1.0.0" in page
    assert "VirtualService web" in page
    assert "91.25 %" in page
    assert "at least 99 %" in page
    assert "why fail" in page
    assert "no value" in page
    assert "99.9 %</b>" not in page


def test_each_metric_of_each_workload_is_drawn_once(rollout: Rollout, world: World) -> None:
    page = page_of(rollout, world)
    assert page.count("<svg xmlns") == 2
    assert "web: success rate" in page
    assert ">5 %</text>" in page or "5 %" in page


def test_a_rollout_that_moves_no_requests_has_no_such_card(world: World) -> None:
    plain = world.rollout(Phase.PROGRESSING, plan_digest=blobs.store_json({**PLAN, "traffic": []}))
    page = page_of(plain, world)
    assert "Share of" not in page
    assert "Measurements" not in page


def test_words_in_a_measurement_cannot_become_markup(rollout: Rollout, world: World) -> None:
    Measurement.objects.create(
        rollout=rollout, index=3, workload="web", metric="queue", at=1010.0, weight=25, canary=9, verdict="fail",
        why="<script>alert(1)</script>",
    )  # fmt: skip
    assert "<script>alert(1)" not in page_of(rollout, world)
