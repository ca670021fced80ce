"""A rollout that moves requests, as its page, the matrix and its dialogs tell it."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.kube.objects import Ref
from environments.kube.traffic import Route
from environments.models import Workload
from portal import blobs
from releases.models import Rollout, Step
from releases.pages.traffic_shares import share_words, shares_by_deployment, shares_of
from releases.pages.verb_help import effect
from releases.states import Phase
from releases.strategies.blue_green.colours import Naming
from releases.strategies.blue_green.workloads import ColouredWorkload, Switch
from releases.strategies.canary.workloads import CanaryWorkload
from tests.releases.world import World

pytestmark = pytest.mark.django_db
WEB, CANARY, GREEN = (Ref("apps/v1", "Deployment", "shop-prod", name) for name in ("web", "web-canary", "web-green"))
ROUTE = Route(router="service", namespace="shop-prod", workload="web", service="web", stable="web", canary="web-canary")
BESIDE = CanaryWorkload("web", WEB.key, CANARY.key, ROUTE, replicas=3).to_json()
COLOURS = ColouredWorkload(
    Naming(WEB, "green", "web", {"web": {"app": "web"}}), "stable", (Switch(ROUTE, "green", "stable"),)
).to_json()


def plan(*refs: Ref, traffic: Any = BESIDE, steps: Any = ()) -> dict[str, Any]:
    return {
        "namespace": "shop-prod",
        "images": {},
        "objects": [{"ref": list(ref), "manifest": {"kind": ref.kind, "spec": {}}} for ref in refs],
        "changes": [],
        "risks": [],
        "traffic": [traffic] if traffic else [],
        "steps": list(steps),
    }


def weight_step(weight: int, *, last: bool = False) -> dict[str, Any]:
    settings = {"weight": weight, "last": last, "workloads": ["web"], "metrics": []}
    return {"kind": "canary-weight", "label": f"{weight} %", "objects": [], "settings": settings}


def moving(world: World, phase: Phase = Phase.PROGRESSING, weight: int | None = 25, **more: Any) -> Rollout:
    document = more.pop("document", plan(WEB, CANARY))
    cursor = {name: more.pop(name) for name in ("track", "index", "memory") if name in more}
    return world.rollout(
        phase, version="1.1.0", strategy=more.pop("strategy", "canary"), plan_digest=blobs.store_json(document),
        cursor=cursor, shares={} if weight is None else {"web": weight}, **more,
    )  # fmt: skip


def seen_in_the_cluster(rollout: Rollout, *refs: Ref) -> None:
    for ref in refs:
        Workload.objects.create(
            cluster=rollout.environment.cluster, kind=ref.kind, namespace=ref.namespace, name=ref.name, uid=ref.name,
            seen_at=timezone.now(),
            object={"kind": ref.kind, "metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": {}},
        )  # fmt: skip


def words(world: World, address: str, who: str = "lead") -> str:
    """The page's text, as a person reads it."""
    client, user = Client(), world.people[who].user
    assert user
    client.force_login(user)
    page = html.unescape(client.get(address).content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_both_sides_of_a_canary_tell_their_share(world: World) -> None:
    rollout = moving(world)
    assert shares_by_deployment(rollout, plan(WEB, CANARY)) == {CANARY.key: 25, WEB.key: 75}
    page = words(world, f"/rollouts/{rollout.pk}?tab=now")
    assert "75 % of its requests" in page
    assert "25 % of its requests" in page


def test_once_the_stable_workload_is_promoted_all_requests_are_of_the_release(world: World) -> None:
    document = plan(WEB, CANARY, steps=[weight_step(50), weight_step(100, last=True), {"kind": "wave", "label": "P"}])
    assert shares_of(moving(world, weight=40, index=1, document=document), document) == {"web": 40}
    assert shares_of(moving(world, weight=40, index=2, document=document, environment="dev"), document) == {"web": 100}


def test_on_the_way_back_the_share_is_what_was_read(world: World) -> None:
    document = plan(WEB, CANARY, steps=[weight_step(100, last=True)])
    rollout = moving(world, Phase.ROLLING_BACK, weight=0, index=1, track="back", document=document)
    assert shares_of(rollout, document) == {"web": 0}


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.ABORTED])
def test_after_its_end_nothing_is_divided(world: World, phase: Phase) -> None:
    rollout = moving(world, phase)
    assert (shares_of(rollout, plan(WEB)), shares_by_deployment(rollout, plan(WEB)), share_words(rollout)) == (
        {},
        {},
        "",
    )


def test_one_that_failed_in_between_still_shows_where_requests_go(world: World) -> None:
    assert shares_of(moving(world, Phase.FAILED), plan(WEB)) == {"web": 25}


def test_the_matrix_has_the_share(world: World) -> None:
    moving(world)
    assert "25 % of the requests" in words(world, "/")


def test_the_old_colour_is_shown_beside_the_new_one_until_it_goes(world: World) -> None:
    before = world.rollout(Phase.SUCCEEDED, version="1.0.0", plan_digest=blobs.store_json(plan(WEB, traffic=None)))
    document = plan(GREEN, traffic=COLOURS)
    rollout = moving(world, weight=100, strategy="blue-green", document=document, previous=before)
    seen_in_the_cluster(rollout, WEB, GREEN)
    page = words(world, f"/rollouts/{rollout.pk}?tab=now")
    assert "web-green Deployment 100 % of its requests" in page
    assert "web Deployment 0 % of its requests 1.0.0: goes at the end" in page
    rollout.phase = Phase.ROLLING_BACK
    rollout.save()
    assert "1.0.0: what it goes back to" in words(world, f"/rollouts/{rollout.pk}?tab=now")
    Workload.objects.filter(name="web").update(deleted=True)
    assert "what it goes back to" not in words(world, f"/rollouts/{rollout.pk}?tab=now")


ASKED = {"asked": "0 of 20 requests within 60 s"}
ANSWERS = {
    "held by a person": ({}, "resume", "It goes on from where it was paused."),
    "too few requests": ({**ASKED, "tally": {"web latency": {}}, "content": False}, "resume", "measured anew"),
    "too few, and promoted": ({**ASKED, "last": {"web latency": {}}}, "promote", "every metric has passed once"),
    "a weight at whose end it asks": ({**ASKED, "tally": {"web": {}}, "content": True}, "resume", "Yes: it goes on"),
    "a preview to look at": (ASKED, "promote", "Yes: it goes on"),
    "weights that others change": ({**ASKED, "changed": {"web": {"times": 2}}}, "resume", "put right once more"),
    "without its checks": (ASKED, "promote-fully", "1.1.0 gets all requests, whatever is measured"),
}


@pytest.mark.parametrize(("memory", "verb", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_a_paused_rollout_says_what_each_button_does(
    world: World, memory: dict[str, Any], verb: str, sentence: str
) -> None:
    rollout = moving(world, Phase.PAUSED, memory=memory, why="Is it good?")
    assert sentence in effect(rollout, verb)
    page = words(world, f"/rollouts/{rollout.pk}")
    assert sentence in page
    assert ("It asks how it goes on" in page) == ("asked" in memory)


def test_the_way_back_names_where_it_leads(world: World) -> None:
    assert effect(moving(world), "abort") == "It stops: what 1.1.0 added is removed. It ends as aborted."
    before = world.rollout(Phase.SUCCEEDED, version="1.0.0", environment="dev")
    rollout = moving(world, environment="dev", previous=before)
    assert effect(rollout, "rollback").startswith("Requests first, then objects and configuration go back to 1.0.0.")


def test_steps_that_it_never_came_to_are_one_line(world: World) -> None:
    rollout = moving(world, Phase.ROLLED_BACK, why="Rolling back by itself: too slow")
    for index, state in enumerate(["done", "failed", "skipped", "skipped", "skipped"]):
        Step.objects.create(rollout=rollout, index=index, label=f"Step {index}", state=state, why="too slow")
    page = words(world, f"/rollouts/{rollout.pk}?tab=now")
    assert "3 steps not begun Step 2 Step 3 Step 4" in page
    assert "2 steps not begun" not in page


def test_an_approval_tells_the_strategy_its_settings_and_why_it_is_not_the_recommended_one(world: World) -> None:
    rollout = moving(
        world, Phase.AWAITING_APPROVAL, weight=None, parameters={"weights": [5, 100], "interval": 12},
        recommended="rolling", strategy_reason="Agents plan anew.",
    )  # fmt: skip
    for address in ("/approvals", f"/rollouts/{rollout.pk}?tab=release"):
        page = words(world, address)
        assert "Canary Rolling update was recommended Why: Agents plan anew. weights 5, 100 interval 12" in page
