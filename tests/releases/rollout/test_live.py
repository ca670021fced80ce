"""Rollouts from the request to the end, on a cluster."""

import re
from collections.abc import Iterator

import pytest

from environments.kube.objects import Ref
from portal import audit
from releases import actions
from releases.models import Rollout, Step
from releases.states import Phase
from tests.releases.rollout.bundles import config, deployment, secret
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
QUICK = {"fatalGraceSeconds": 1}


@pytest.fixture
def live(place: Place, transactional_db: None) -> Iterator[Portal]:
    with portal(place) as running:
        for tag in ("1", "2"):
            running.push("shop/web", tag)
        yield running


def files(colour: str = "blue", **more: str) -> dict[str, str]:
    """A bundle of one Deployment and its configuration."""
    return {
        "base/config.yaml": config(COLOUR=colour),
        "base/secret.yaml": secret("keys", TOKEN=f"secret-{colour}"),
        "base/web.yaml": deployment("web", "shop/web"),
        **{f"base/{name}.yaml": text for name, text in more.items()},
    }


def release(live: Portal, version: str, tag: str = "1", colour: str = "blue", **more: str) -> Rollout:
    """A release that is asked for; `tag` of the image."""
    return live.ask(version, files(colour, **more), {"shop/web": f"shop/web:{tag}"}, parameters=QUICK)


def colour(live: Portal) -> str:
    found = live.get("ConfigMap", "settings", "v1")
    assert found
    return str(found["data"]["COLOUR"])


def test_a_release_goes_from_the_request_to_its_success(live: Portal) -> None:
    rollout = live.wait(release(live, "1.0.0"))
    assert (rollout.phase, rollout.why) == (Phase.SUCCEEDED, "")
    steps = list(Step.objects.filter(rollout=rollout).values_list("label", "state"))
    assert [state for _, state in steps] == ["done"] * len(steps)
    assert [label for label, _ in steps] == [
        "Check that the plan still holds", "Namespaces and definitions", "Configuration", "Wave 2: web",
        "Read everything back",
    ]  # fmt: skip
    audit.publish_head()
    assert audit.verify().whole


def test_a_database_with_claims_of_its_own_goes_in_and_a_new_version_over_it(live: Portal) -> None:
    claims = "  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], "
    claims += "resources: {requests: {storage: 1Gi}}}\n"
    stateful = deployment("db", "shop/web", kind="StatefulSet", replicas=1, more=claims)
    stateful = stateful.replace(
        "        ports:", "        volumeMounts: [{name: data, mountPath: /data}]\n        ports:"
    )
    assert live.wait(release(live, "1.0.0", db=stateful)).phase == Phase.SUCCEEDED
    assert live.get("PersistentVolumeClaim", "data-db-0", "v1")
    assert live.wait(release(live, "1.1.0", "2", db=stateful)).phase == Phase.SUCCEEDED


def test_an_image_that_crashes_fails_with_its_last_words_and_is_rolled_back_with_its_configuration(
    live: Portal,
) -> None:
    live.wait(release(live, "1.0.0"))
    live.push("shop/web", "bad", crash=True, logs=["no database at db:5432"])
    failed = live.wait(release(live, "1.1.0", "bad", "green", extra=config("extra")))
    assert failed.phase == Phase.FAILED
    assert "Wave 2: web" in failed.why
    assert_last_words(failed)
    assert colour(live) == "green"
    actions.rollback(live.operator, failed)
    back = live.wait(failed, Phase.ROLLED_BACK)
    assert "Rolled back by operator." in back.why
    assert colour(live) == "blue"
    assert live.get("ConfigMap", "extra", "v1") is None
    web = live.get("Deployment", "web")
    assert web
    assert web["status"]["updatedReplicas"] == web["status"]["availableReplicas"] == 2


def assert_last_words(rollout: Rollout) -> None:
    """Of the step that failed, and apart from why it did."""
    failed = rollout.steps.get(track="forward", state="failed")
    assert "no database at db:5432" in failed.said
    assert "database" not in f"{failed.why} {rollout.why}"


def test_an_image_that_crashes_and_has_no_probe_fails_with_its_last_words_too(live: Portal) -> None:
    live.push("shop/web", "bad", crash=True, logs=["no database at db:5432"])
    bundle = files()
    bundle["base/web.yaml"] = re.sub(r" *readinessProbe: .*\n", "", bundle["base/web.yaml"])
    rollout = live.wait(live.ask("1.0.0", bundle, {"shop/web": "shop/web:bad"}, parameters=QUICK))
    assert rollout.phase == Phase.FAILED
    assert_last_words(rollout)


def test_a_rollback_removes_what_people_added_by_hand(live: Portal) -> None:
    live.wait(release(live, "1.0.0"))
    live.wait(release(live, "1.1.0", "2", "green"))
    live.gateway.merge_patch(
        Ref("v1", "ConfigMap", live.namespace, "settings"), {"data": {"COLOUR": "red", "BY_HAND": "yes"}}
    )
    newest = Rollout.objects.order_by("-pk").first()
    assert newest
    actions.rollback(live.operator, newest)
    live.wait(newest, Phase.ROLLED_BACK)
    found = live.get("ConfigMap", "settings", "v1")
    assert found
    assert found["data"] == {"COLOUR": "blue"}


def test_pausing_halts_a_wave_and_resuming_ends_it(live: Portal) -> None:
    live.wait(release(live, "1.0.0"))
    live.push("shop/web", "slow", startup_seconds=2)
    rollout = release(live, "1.1.0", "slow", "green")
    live.wait_for(lambda: Rollout.objects.filter(pk=rollout.pk, why__contains="0 of 1 ready").exists())
    actions.pause(live.operator, rollout)
    live.wait(rollout, Phase.PAUSED)
    live.wait_for(lambda: (live.get("Deployment", "web") or {})["spec"].get("paused"))
    actions.resume(live.operator, rollout)
    live.wait(rollout, Phase.SUCCEEDED)
    web = live.get("Deployment", "web")
    assert web
    assert "paused" not in web["spec"]


def test_aborting_brings_back_what_ran_before(live: Portal) -> None:
    live.wait(release(live, "1.0.0"))
    live.push("shop/web", "never", ready=False)
    rollout = release(live, "1.1.0", "never", "green")
    live.wait(rollout, Phase.PROGRESSING)
    live.wait_for(lambda: colour(live) == "green")
    actions.abort(live.operator, rollout)
    live.wait(rollout, Phase.ABORTED)
    assert colour(live) == "blue"
    assert set(Step.objects.filter(rollout=rollout, track="back").values_list("state", flat=True)) == {"done"}


def test_an_image_that_cannot_be_pulled_is_told_in_plain_words(live: Portal) -> None:
    lost = {"base/c.yaml": config(), "base/web.yaml": deployment("web", "shop/web", pull_error="not found")}
    rollout = live.wait(live.ask("1", lost, {"shop/web": "shop/web:1"}, parameters=QUICK))
    assert rollout.phase == Phase.FAILED
    assert "cannot be pulled" in rollout.why


def test_a_statefulset_that_stands_on_a_broken_pod_goes_on_with_the_fix(live: Portal) -> None:
    def members(tag: str) -> dict[str, str]:
        return {"base/c.yaml": config(), "base/db.yaml": deployment("db", "shop/db", kind="StatefulSet", replicas=3)}

    for tag in ("1", "3"):
        live.push("shop/db", tag)
    live.push("shop/db", "bad", crash=True)
    for version, tag, phase in (("1", "1", Phase.SUCCEEDED), ("2", "bad", Phase.FAILED), ("3", "3", Phase.SUCCEEDED)):
        rollout = live.wait(live.ask(version, members(tag), {"shop/db": f"shop/db:{tag}"}, parameters=QUICK))
        assert rollout.phase == phase, rollout.why


def test_a_deployment_that_a_person_has_paused_waits_for_a_person(live: Portal) -> None:
    live.wait(release(live, "1.0.0"))
    live.gateway.merge_patch(Ref("apps/v1", "Deployment", live.namespace, "web"), {"spec": {"paused": True}})
    rollout = release(live, "1.1.0", "2", "green")
    live.wait_for(lambda: Rollout.objects.filter(pk=rollout.pk, why__contains="kubectl rollout resume").exists())
    live.gateway.merge_patch(Ref("apps/v1", "Deployment", live.namespace, "web"), {"spec": {"paused": None}})
    live.wait(rollout, Phase.SUCCEEDED)


def test_undo_brings_back_an_earlier_release_as_a_rollout_of_its_own(live: Portal) -> None:
    first = live.wait(release(live, "1.0.0"))
    live.wait(release(live, "1.1.0", "2", "green"))
    live.wait(release(live, "1.2.0", "2", "red", extra=config("extra")))
    undo = live.wait(actions.undo(live.operator, live.application, live.environment, first, reason="as before"))
    assert undo.phase == Phase.SUCCEEDED, undo.why
    assert colour(live) == "blue"
    assert live.get("ConfigMap", "extra", "v1") is None


def test_a_quota_is_told_at_once_and_the_rollout_tried_again_when_it_is_lifted(live: Portal) -> None:
    live.wait(release(live, "1.0.0"))
    quota = {"metadata": {"name": "few", "namespace": live.namespace}, "spec": {"hard": {"pods": "2"}}}
    live.gateway.create({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    live.wait_for(lambda: (live.get("ResourceQuota", "few", "v1") or {}).get("status", {}).get("used"))
    rollout = live.wait(release(live, "1.1.0", "2", "green"))
    assert rollout.phase == Phase.FAILED
    assert "exceeded quota" in rollout.why
    live.gateway.delete(Ref("v1", "ResourceQuota", live.namespace, "few"))
    actions.retry(live.operator, rollout)
    live.wait(rollout, Phase.SUCCEEDED)
    assert colour(live) == "green"
    assert set(Step.objects.filter(rollout=rollout).values_list("state", flat=True)) == {"done"}


def test_an_environment_may_roll_back_by_itself(live: Portal) -> None:
    live.environment.roll_back_on_failure = True
    live.environment.save()
    live.wait(release(live, "1.0.0"))
    live.push("shop/web", "bad", crash=True)
    rollout = live.wait(release(live, "1.1.0", "bad", "green"), Phase.ROLLED_BACK)
    assert "Rolling back by itself" in rollout.why
    assert colour(live) == "blue"


def test_a_first_release_that_fails_takes_away_what_it_added(live: Portal) -> None:
    live.push("shop/web", "bad", crash=True)
    rollout = live.wait(release(live, "1.0.0", "bad"), Phase.FAILED)
    actions.rollback(live.operator, rollout)
    live.wait(rollout, Phase.ROLLED_BACK)
    assert live.get("Deployment", "web") is None
    assert live.get("ConfigMap", "settings", "v1") is None


def test_waves_go_one_after_the_other_and_side_by_side_within(live: Portal) -> None:
    names = ["a", "b", "c"]
    bundle = {
        "base/settings.yaml": config(),
        "base/db.yaml": deployment("db", "shop/web", kind="StatefulSet", replicas=1),
    }
    bundle |= {f"base/{name}.yaml": deployment(name, "shop/web", replicas=1) for name in names}
    bundle["slipway.yaml"] = "waves: [{name: data, workloads: [db]}]\n"
    rollout = live.wait(live.ask("1", bundle, {"shop/web": "shop/web:1"}))
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    first, second = Step.objects.filter(rollout=rollout, label__startswith="Wave").order_by("index")
    assert (first.label, second.label) == ("Wave 0: db", "Wave 2: a, b, c")
    assert first.finished_at <= second.started_at
    assert all(f"{name}: 1 of 1 pod updated and available" in second.why for name in names)
