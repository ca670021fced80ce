"""Two orchestrators, one of which is lost in the middle of a rollout: the other goes on, and nothing is done twice."""

from collections import Counter

from tests.acceptance import shop
from tests.acceptance.portal import Portal, until


def test_when_one_of_two_orchestrators_is_lost_in_the_middle_the_rollout_goes_on(live: Portal, shop_name: str) -> None:
    live.start_orchestrator("second orchestrator")
    live.release(shop_name, "1.0.0", shop.files(COLOUR="blue"), "slow")
    rollout = live.ask(shop_name, "1.0.0", "dev")
    until(lambda: "of 2" in live.rollout(rollout["id"])["why"])
    live.kill("orchestrator")
    done = live.succeed(rollout)
    assert {step["state"] for step in done["steps"]} == {"done"}
    history = live.api("GET", f"audit?application={shop_name}&limit=1000", "auditor")
    twice = [what for what, times in Counter((e["verb"], str(e["data"])) for e in history).items() if times > 1]
    assert twice == []
    assert live.manage("audit", "head").returncode == 0
    assert live.manage("audit", "verify").returncode == 0
    deployments = live.objects("Deployment", f"{shop_name}-dev")
    assert {each["metadata"]["name"]: each["status"]["readyReplicas"] for each in deployments} == {
        "web": 2,
        "worker": 1,
    }


def test_when_all_are_away_nothing_is_lost_and_the_next_one_takes_it_up(live: Portal, shop_name: str) -> None:
    live.kill("second orchestrator")
    live.release(shop_name, "1.0.0", shop.files(COLOUR="blue"), "good")
    rollout = live.ask(shop_name, "1.0.0", "dev")
    assert live.rollout(rollout["id"])["phase"] == "planning"
    live.start_orchestrator()
    assert live.succeed(rollout)["steps"]
