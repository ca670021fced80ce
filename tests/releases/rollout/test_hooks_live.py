"""Hooks and Jobs on a cluster: what runs once, in which order, and what becomes of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from releases import actions
from releases.models import Rollout, Step
from releases.plan import store
from releases.states import Phase
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
DELETED = "before-hook-creation,hook-succeeded"


@pytest.fixture
def live(place: Place, transactional_db: None) -> Iterator[Portal]:
    with portal(place) as running:
        for tag in ("1", "2"):
            running.push("shop/web", tag, run_seconds=0.1)
        yield running


def job(name: str, *, command: str = "1", spec: str = "", exit_code: int = 0, **annotations: str) -> str:
    behaviour = json.dumps(json.dumps({"exit_code": exit_code, "run_seconds": 0.1}))
    noted = json.dumps({f"helm.sh/{key.replace('_', '-')}": value for key, value in annotations.items()})
    return f"""\
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}, annotations: {noted}}}
spec:
  backoffLimit: 0
{spec}  template:
    metadata: {{annotations: {{test.slipway/behaviour: {behaviour}}}}}
    spec:
      restartPolicy: Never
      containers: [{{name: c, image: shop/web, command: ["{command}"]}}]
"""


def pod(name: str, hook: str) -> str:
    behaviour = json.dumps(json.dumps({"run_seconds": 0.1}))
    noted = f"helm.sh/hook: {hook}, test.slipway/behaviour: {behaviour}"
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, annotations: {{{noted}}}}}
spec: {{restartPolicy: Never, containers: [{{name: c, image: shop/web}}]}}
"""


def release(live: Portal, version: str, tag: str = "1", settings: str = "", **more: str) -> Rollout:
    return live.wait(ask(live, version, tag, settings, **more))


def ask(live: Portal, version: str, tag: str = "1", settings: str = "", **more: str) -> Rollout:
    files = {
        "base/config.yaml": config(VERSION=version),
        "base/web.yaml": deployment("web", "shop/web", replicas=1),
        **{f"base/{name}.yaml": text for name, text in more.items()},
        **({"slipway.yaml": settings} if settings else {}),
    }
    return live.ask(version, files, {"shop/web": f"shop/web:{tag}"}, parameters={"fatalGraceSeconds": 1})


def labels(rollout: Rollout) -> list[str]:
    return list(rollout.steps.filter(track="forward").values_list("label", flat=True))


def uid(live: Portal, name: str) -> str:
    found = live.get("Job", name, "batch/v1")
    return str(found["metadata"]["uid"]) if found else ""


def risks(rollout: Rollout) -> dict[str, str]:
    return {risk["title"]: risk["detail"] for risk in store.load_plan(rollout)["risks"]}


def actions_of(rollout: Rollout) -> dict[str, str]:
    return {row["ref"][3]: row["action"] for row in store.load_plan(rollout)["changes"]}


def test_hooks_of_helm_run_before_and_after_and_those_of_other_occasions_are_left_out(live: Portal) -> None:
    bundle: dict[str, str] = {
        "second": job("second", hook="pre-install,pre-upgrade", hook_weight="1", hook_delete_policy=DELETED),
        "first": job("first", hook="pre-install", hook_weight="-5"),
        "cleanup": job("cleanup", hook="pre-delete"),
        "smoke": pod("smoke", "post-install"),
        "check": pod("check", "test"),
    }
    rollout = release(live, "1", **bundle)
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    assert labels(rollout) == [
        "Check that the plan still holds", "Namespaces and definitions", "Hook before: first", "Hook before: second",
        "Remove second", "Configuration", "Wave 2: web", "Hook after: smoke", "Read everything back",
    ]  # fmt: skip
    left_out = risks(rollout)["Left out, as hooks of other occasions"]
    assert "Job cleanup (helm.sh/hook: pre-delete)" in left_out
    assert "Pod check (helm.sh/hook: test)" in left_out
    assert [uid(live, name) for name in ("second", "cleanup")] == ["", ""]
    ran = uid(live, "first")
    again = release(live, "2", "2", **bundle)
    assert again.phase == Phase.SUCCEEDED, again.why
    assert [label for label in labels(again) if label.startswith("Hook")] == ["Hook before: second"]
    assert uid(live, "first") == ran
    assert not store.load_plan(again)["prune"]


def test_a_hook_of_a_fixed_name_runs_anew_and_never_on_the_way_back(live: Portal) -> None:
    assert release(live, "1", migrate=job("migrate", hook="pre-install,pre-upgrade")).phase == Phase.SUCCEEDED
    ran = uid(live, "migrate")
    second = release(live, "2", "2", migrate=job("migrate", command="2", hook="pre-install,pre-upgrade"))
    assert second.phase == Phase.SUCCEEDED, second.why
    newer = uid(live, "migrate")
    assert ran != newer
    actions.rollback(live.operator, second)
    assert live.wait(second, Phase.ROLLED_BACK, Phase.FAILED).phase == Phase.ROLLED_BACK, second.why
    assert uid(live, "migrate") == newer


def test_a_hook_that_fails_ends_the_release_before_anything_else_is_touched(live: Portal) -> None:
    failing = job("migrate", exit_code=3, hook="pre-install", hook_delete_policy="hook-failed")
    rollout = release(live, "1", migrate=failing)
    assert rollout.phase == Phase.FAILED
    assert "Hook before: migrate" in rollout.why
    assert live.get("Deployment", "web") is None
    assert uid(live, "migrate") == ""


def test_a_job_that_changed_is_made_anew_and_one_that_has_run_is_left_alone(live: Portal) -> None:
    assert release(live, "1", report=job("report")).phase == Phase.SUCCEEDED
    ran = uid(live, "report")
    same = release(live, "2", report=job("report"))
    assert same.phase == Phase.SUCCEEDED, same.why
    assert (actions_of(same)["report"], uid(live, "report")) == ("unchanged", ran)
    changed = release(live, "3", report=job("report", command="3"))
    assert changed.phase == Phase.SUCCEEDED, changed.why
    assert actions_of(changed)["report"] == "replace"
    assert "Job" in risks(changed)["Deleted and made again, since a Job cannot be changed"]
    assert uid(live, "report") not in ("", ran)


def test_a_job_renamed_by_its_content_has_a_name_of_its_own_for_each_template(live: Portal) -> None:
    settings = "jobs: {report: rename}\n"
    first = release(live, "1", settings=settings, report=job("report"))
    assert first.phase == Phase.SUCCEEDED, first.why
    second = release(live, "2", settings=settings, report=job("report", command="2"))
    assert second.phase == Phase.SUCCEEDED, second.why
    names = [next(name for name in actions_of(each) if name.startswith("report-")) for each in (first, second)]
    assert names[0] != names[1]
    assert (uid(live, names[0]), bool(uid(live, names[1]))) == ("", True)


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_that_its_ttl_removes_at_once_has_ended_as_it_did(live: Portal, code: int) -> None:
    ttl = job("migrate-1", spec="  ttlSecondsAfterFinished: 0\n", exit_code=code)
    rollout = release(live, "1", migrate=ttl, settings="waves: [{name: first, workloads: [migrate-1]}]\n")
    assert rollout.phase == (Phase.FAILED if code else Phase.SUCCEEDED), rollout.why
    if code:
        assert "the job failed: 1 run failed" in Step.objects.get(rollout=rollout, state="failed").why
    assert bool(live.get("Deployment", "web")) is not bool(code)
    live.wait_for(lambda: not uid(live, "migrate-1"))


def test_a_job_that_its_ttl_removed_is_not_run_again_where_it_is_the_same(live: Portal) -> None:
    ttl = job("migrate", spec="  ttlSecondsAfterFinished: 0\n")
    assert release(live, "1", migrate=ttl).phase == Phase.SUCCEEDED
    live.wait_for(lambda: not uid(live, "migrate"))
    second = release(live, "2", "1", migrate=ttl)
    assert second.phase == Phase.SUCCEEDED, second.why
    assert actions_of(second)["migrate"] == "unchanged"
    assert not uid(live, "migrate")


def test_what_says_that_it_stays_is_not_pruned(live: Portal) -> None:
    kept = config("kept").replace("{name: kept}", '{name: kept, annotations: {helm.sh/resource-policy: "keep"}}')
    options = 'argocd.argoproj.io/sync-options: "Validate=false, Prune=false"'
    spared = config("spared").replace("{name: spared}", f"{{name: spared, annotations: {{{options}}}}}")
    assert release(live, "1", kept=kept, spared=spared, other=config("other")).phase == Phase.SUCCEEDED
    second = release(live, "2")
    assert second.phase == Phase.SUCCEEDED, second.why
    there: dict[str, Any] = {name: live.get("ConfigMap", name, "v1") for name in ("kept", "spared", "other")}
    assert [bool(there[name]) for name in ("kept", "spared", "other")] == [True, True, False]
    assert "kept (helm.sh/resource-policy: keep)" in risks(second)["Stays, as it says itself"]


def reading(name: str, secret: str) -> str:
    text = deployment(name, "shop/web", replicas=1)
    return text.replace("configMapRef: {name: settings}", f"secretRef: {{name: {secret}}}")


def test_what_waits_for_a_secret_is_told_and_the_next_wave_may_make_it(live: Portal) -> None:
    waves = "waves:\n- {name: first, workloads: [reader]}\n- {name: second, workloads: [web]}\n"
    rollout = ask(live, "1", settings=waves, reader=reading("reader", "made-later"))
    live.wait_for(lambda: rollout.steps.filter(label="Wave 1: web", state="done").exists())
    first = rollout.steps.get(label="Wave 0: reader")
    assert "reader waits for Secret made-later, not there yet: the next wave may make it" in first.why
    live.gateway.apply(made(live, "made-later"), manager="somebody")
    assert live.wait(rollout).phase == Phase.SUCCEEDED, rollout.why


def made(live: Portal, name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": live.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"KEY": "dmFsdWU="}}


def test_a_storage_class_that_is_not_there_is_told_by_name(live: Portal) -> None:
    claims = "  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {storageClassName: nowhere, accessModes: "
    claims += "[ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    rollout = release(live, "1", db=deployment("db", "shop/web", kind="StatefulSet", replicas=1, more=claims))
    assert rollout.phase == Phase.FAILED
    assert "the claim data-db-0 needs the StorageClass nowhere, which is not there" in rollout.why
