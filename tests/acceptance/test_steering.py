"""A person steers a rollout through the API: pause, resume, abort, roll back, undo, and what waits or goes first."""

import pytest

from environments.kube.objects import Ref
from tests.acceptance import shop
from tests.acceptance.portal import Portal, Refused, until
from tests.acceptance.world import owners_of_replicas, snapshot

QUICK = {"fatalGraceSeconds": 1}


@pytest.fixture
def running(live: Portal, shop_name: str) -> str:
    """An application whose 1.0.0 runs in dev."""
    live.release(shop_name, "1.0.0", shop.files(COLOUR="blue", OLD="kept"), "good")
    live.succeed(live.ask(shop_name, "1.0.0", "dev"))
    return shop_name


def colour(live: Portal, name: str) -> str:
    settings = live.gateway.get(Ref("v1", "ConfigMap", f"{name}-dev", "settings")) or {}
    return str(settings["data"]["COLOUR"])


def test_a_crash_fails_with_its_last_words_and_one_call_takes_back_all_of_it(live: Portal, running: str) -> None:
    before = snapshot(live, f"{running}-dev")
    live.release(running, "1.1.0", shop.files("extra", COLOUR="green", NEW="1"), "crash")
    failed = live.wait(live.ask(running, "1.1.0", "dev", parameters=QUICK), "failed", seconds=60)
    assert "container web crashes with exit code 3" in failed["why"]
    assert shop.LAST_WORDS in failed["said"]
    assert shop.LAST_WORDS not in failed["why"], "what a program writes is for who may read its logs"
    assert colour(live, running) == "green"
    assert "ConfigMap/extra" in snapshot(live, f"{running}-dev")
    live.wait(live.say("rollback", failed), "rolled back")
    assert snapshot(live, f"{running}-dev") == before


def test_a_rollout_is_paused_in_the_middle_and_goes_on(live: Portal, running: str) -> None:
    live.release(running, "1.1.0", shop.files(COLOUR="green"), "slow")
    rollout = live.ask(running, "1.1.0", "dev")
    until(lambda: "of 2" in live.rollout(rollout["id"])["why"], why=lambda: str(live.rollout(rollout["id"])))
    live.say("pause", rollout)
    paused = live.wait(rollout, "paused")
    assert [step["state"] for step in paused["steps"]].count("running") == 1
    until(lambda: live.objects("Deployment", f"{running}-dev")[0]["spec"].get("paused"))
    live.say("resume", paused)
    live.succeed(rollout)
    deployments = live.objects("Deployment", f"{running}-dev")
    assert [each["spec"].get("paused") for each in deployments] == [None, None]
    assert {each["status"]["updatedReplicas"] for each in deployments} == {1, 2}


def test_an_abort_brings_back_what_ran(live: Portal, running: str) -> None:
    before = snapshot(live, f"{running}-dev")
    live.release(running, "1.1.0", shop.files("extra", COLOUR="green"), "never")
    rollout = live.ask(running, "1.1.0", "dev")
    until(lambda: colour(live, running) == "green")
    live.say("abort", rollout)
    live.wait(rollout, "aborted")
    assert snapshot(live, f"{running}-dev") == before


def test_undo_brings_back_an_earlier_release(live: Portal, running: str) -> None:
    before = snapshot(live, f"{running}-dev")
    for version, names in (("1.1.0", ()), ("1.2.0", ("extra",))):
        live.release(running, version, shop.files(*names, COLOUR=version), "good2")
        live.succeed(live.ask(running, version, "dev"))
    undone = live.api(
        "POST",
        "undo",
        "operator",
        json={"application": running, "environment": "dev", "version": "1.0.0", "comment": "As before."},
    )
    live.succeed(undone)
    assert snapshot(live, f"{running}-dev") == before
    live_now = next(row for row in live.api("GET", "matrix") if row["application"] == running)["environments"][0]
    assert (live_now["live"], live_now["behind"]) == ("1.0.0", 2)


def test_a_newer_rollout_waits_for_the_one_under_way_unless_somebody_lets_it_go_first(
    live: Portal, running: str
) -> None:
    live.release(running, "1.1.0", shop.files(COLOUR="green"), "never")
    live.release(running, "1.2.0", shop.files(COLOUR="red"), "good2")
    first = live.ask(running, "1.1.0", "dev")
    live.wait(first, "progressing")
    second = live.ask(running, "1.2.0", "dev")
    waiting = live.wait(second, "waiting")
    until(lambda: f"Waits for rollout {first['id']} (1.1.0)" in live.rollout(second["id"])["why"])
    with pytest.raises(Refused, match="developer") as refusal:
        live.say("supersede", waiting, "developer")
    assert refusal.value.status == 403
    live.say("supersede", waiting, "lead")
    live.wait(first, "aborted")
    live.succeed(second)
    assert colour(live, running) == "red"


@pytest.mark.lane("kubectl")
def test_what_people_did_in_between_is_in_the_plan_and_a_rollback_restores_exactly(live: Portal, running: str) -> None:
    namespace = f"{running}-dev"
    before = snapshot(live, namespace)
    live.kubectl("scale", "deployment/web", "--replicas=3", "-n", namespace)
    live.kubectl("set", "image", "deployment/web", f"web={live.place.registry}/shop/web:good2", "-n", namespace)
    live.kubectl("set", "env", "deployment/worker", "BY_HAND=yes", "-n", namespace)
    live.release(running, "1.1.0", shop.files(COLOUR="green"), "crash")
    rollout = live.ask(running, "1.1.0", "dev", parameters=QUICK)
    failed = live.wait(rollout, "failed", seconds=60)
    plan = live.api("GET", f"rollouts/{rollout['id']}/plan")
    changes = {change["ref"][3]: change for change in plan["changes"]}
    web = {field["path"]: (field["before"], field["after"]) for field in changes["web"]["fields"]}
    assert web["spec.replicas"] == (3, 2)
    by_hand = [theirs for theirs in changes["worker"]["foreign"] if "BY_HAND" in str(theirs["fields"])]
    assert by_hand, "the plan does not name what a person added to worker"
    live.wait(live.say("rollback", failed), "rolled back")
    assert snapshot(live, namespace) == before
    assert [owners_of_replicas(each) for each in live.objects("Deployment", namespace)] == [{"slipway-scale"}] * 2
