"""The known pains of canaries elsewhere that need a cluster, each by its name."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from environments.kube.names import FLOOR, TRAFFIC
from environments.kube.objects import Ref
from releases import actions
from releases.models import Rollout, Step
from releases.states import Phase
from tests.releases.rollout.canaries import files, release, told
from tests.releases.rollout.canary_paper import autoscaler
from tests.releases.rollout.live import Portal
from tests.releases.rollout.test_canary_live import cluster_name, is_gone, live, started, weights

__all__ = ["cluster_name", "live"]

pytestmark = [pytest.mark.django_db(transaction=True)]
SLOW = {"interval": 60}
MADE = (("apps/v1", "Deployment"), ("v1", "Service"))


def at(live: Portal, weight: int, version: str = "1.1.0", **more: Any) -> Rollout:
    """A canary that holds a weight."""
    rollout = release(live, version, bundle=files("green", **more.pop("bundle", {})), **{**SLOW, **more})
    holds(live, rollout, weight)
    return rollout


def holds(live: Portal, rollout: Rollout, weight: int) -> None:
    live.wait_for(lambda: is_told(rollout, f"{weight} % to "))


def is_told(rollout: Rollout, words: str) -> bool:
    return Rollout.objects.filter(pk=rollout.pk, why__startswith=words).exists()


def size(live: Portal, name: str = "agent-service") -> int:
    found = live.get("Deployment", name)
    assert found
    return int(found["spec"]["replicas"])


def test_a_new_version_arrives_in_the_middle_of_a_canary(live: Portal) -> None:
    started(live)
    first = at(live, 50, weights=[50, 100])
    second = release(live, "1.2.0", bundle=files("red"))
    live.wait(second, Phase.WAITING)
    seen: list[tuple[int, int]] = []
    actions.supersede(live.operator, second, "urgent")
    live.wait_for(lambda: _note(live, seen) or Rollout.objects.get(pk=second.pk).phase == Phase.SUCCEEDED, seconds=90)
    assert Rollout.objects.get(pk=first.pk).phase == Phase.ABORTED
    assert all(ready >= 3 for _, ready in seen)
    assert weights(live) == [("stable", 100)]


def _note(live: Portal, seen: list[tuple[int, int]]) -> None:
    """The canary's share and how many stable pods were ready at that time."""
    found = live.get("Deployment", "agent-service")
    assert found
    share = sum(weight for subset, weight in weights(live) if subset == "canary")
    seen.append((share, int(found["status"].get("readyReplicas", 0))))


def test_abort_with_nothing_in_progress_must_not_scale_stable(live: Portal) -> None:
    started(live)
    rollout = release(live, "1.1.0", bundle=files("green"), **SLOW)
    live.wait(rollout, Phase.PROGRESSING)
    live.gateway.merge_patch(Ref("apps/v1", "Deployment", live.namespace, "agent-service"), {"spec": {"replicas": 5}})
    actions.abort(live.operator, rollout)
    live.wait(rollout, Phase.ABORTED)
    assert size(live) == 5
    assert is_gone(live, *MADE)


def test_abort_removes_what_it_made(live: Portal) -> None:
    started(live)
    rollout = at(live, 20)
    maps = {each["metadata"]["name"] for each in live.gateway.list("v1", "ConfigMap", live.namespace)}
    assert any(name.startswith("settings-") for name in maps)
    actions.abort(live.operator, rollout)
    live.wait(rollout, Phase.ABORTED)
    assert is_gone(live, *MADE)
    maps = {each["metadata"]["name"] for each in live.gateway.list("v1", "ConfigMap", live.namespace)}
    assert not any(name.startswith("settings-") for name in maps)
    assert "settings" in maps


def test_a_person_edits_the_virtual_service(live: Portal) -> None:
    started(live)
    rollout = at(live, 20)
    edit(live, 70)
    live.wait_for(lambda: ("canary", 20) in weights(live), seconds=15)
    live.wait_for(lambda: "had set 70 %" in Rollout.objects.get(pk=rollout.pk).why, seconds=15)
    edit(live, 80)
    live.wait(rollout, Phase.PAUSED, seconds=20)
    assert "has 80 % instead of 20 %, for the second time; the field manager is" in rollout.why
    assert ("canary", 80) in weights(live)
    actions.resume(live.operator, rollout)
    live.wait_for(lambda: ("canary", 20) in weights(live), seconds=15)
    actions.abort(live.operator, rollout)
    live.wait(rollout, Phase.ABORTED)


def edit(live: Portal, weight: int) -> None:
    """Somebody else moves the requests."""
    ref = Ref("networking.istio.io/v1beta1", "VirtualService", live.namespace, "agent-service")
    found = live.gateway.get(ref)
    assert found
    http = found["spec"]["http"]
    for each in http[-1]["route"]:
        each["weight"] = weight if each["destination"]["subset"] == "canary" else 100 - weight
    live.gateway.merge_patch(ref, {"spec": {"http": http}})
    changed = live.gateway.get(ref)
    assert changed
    holders = [each["manager"] for each in changed["metadata"]["managedFields"] if "f:http" in str(each["fieldsV1"])]
    assert TRAFFIC not in holders


def test_the_namespaces_quota_is_exhausted_in_mid_step(live: Portal) -> None:
    started(live)
    quota = {"metadata": {"name": "few", "namespace": live.namespace}, "spec": {"hard": {"pods": "4"}}}
    live.gateway.create({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    live.wait_for(lambda: (live.get("ResourceQuota", "few", "v1") or {}).get("status", {}).get("used"))
    rollout = release(live, "1.1.0", bundle=files("green"))
    live.wait(rollout, Phase.ROLLED_BACK, seconds=60)
    failed = Step.objects.get(rollout=rollout, track="forward", state="failed")
    assert failed.label == "50 %: agent-service"
    assert "exceeded quota" in failed.why
    assert not any(subset == "canary" for subset, _ in weights(live))
    live.gateway.delete(Ref("v1", "ResourceQuota", live.namespace, "few"))


def test_an_autoscaler_is_held_up_while_requests_are_elsewhere_and_let_go_afterwards(live: Portal) -> None:
    scaler = autoscaler(minimum=1)
    scaler["metadata"] = {"name": "agent-service"}
    started(live, hpa=yaml.safe_dump(scaler))
    held: list[int] = []
    rollout = release(live, "1.1.0", bundle=files("green", hpa=yaml.safe_dump(scaler)))
    live.wait_for(noting(live, held, rollout), seconds=90)
    assert Rollout.objects.get(pk=rollout.pk).phase == Phase.SUCCEEDED, told(rollout)
    assert max(held) == 3
    found = live.get("HorizontalPodAutoscaler", "agent-service", "autoscaling/v2")
    assert found
    assert found["spec"]["minReplicas"] == 1
    assert FLOOR not in (found["metadata"].get("annotations") or {})


def noting(live: Portal, held: list[int], rollout: Rollout) -> Callable[[], bool]:
    """Whether it has ended; the autoscaler's minimum is noted on each look."""

    def look() -> bool:
        found = live.get("HorizontalPodAutoscaler", "agent-service", "autoscaling/v2")
        held.append(found["spec"]["minReplicas"] if found else 0)
        return Rollout.objects.get(pk=rollout.pk).phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.ROLLED_BACK)

    return look


def test_the_portal_is_down_in_the_middle_and_another_one_carries_on(live: Portal) -> None:
    started(live)
    rollout = release(live, "1.1.0", bundle=files("green"), interval=4)
    holds(live, rollout, 20)
    live.halt()
    before = weights(live)
    live.carry_on()
    assert before == [("stable", 80), ("canary", 20)]
    live.wait(rollout, seconds=90)
    assert rollout.phase == Phase.SUCCEEDED, told(rollout)


def test_a_succeeded_canary_is_rolled_back_whole(live: Portal) -> None:
    started(live)
    rollout = live.wait(release(live, "1.1.0", bundle=files("green")), seconds=60)
    assert rollout.phase == Phase.SUCCEEDED, told(rollout)
    actions.rollback(live.operator, rollout)
    live.wait(rollout, Phase.ROLLED_BACK)
    config = live.get("ConfigMap", "settings", "v1")
    assert config
    assert config["data"]["COLOUR"] == "blue"
    assert not any(subset == "canary" for subset, _ in weights(live))
    assert is_gone(live, *MADE)
