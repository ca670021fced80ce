"""Going back: what comes back, what is left, and what is not done twice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from environments.kube.objects import Ref
from releases import actions
from releases.models import Rollout
from releases.plan.store import load_plan
from releases.states import Phase
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
QUICK = {"fatalGraceSeconds": 1}
RESTARTED = {"kubectl.kubernetes.io/restartedAt": "2026-11-21T08:00:00Z"}


@pytest.fixture
def live(place: Place, transactional_db: None) -> Iterator[Portal]:
    with portal(place) as running:
        for tag in ("1", "2"):
            running.push("shop/web", tag)
        running.push("shop/web", "bad", crash=True)
        yield running


def job(name: str) -> str:
    quoted = json.dumps(json.dumps({"exit_code": 0, "exit_after_seconds": 0.1}))
    return f"""\
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  template:
    metadata: {{annotations: {{test.slipway/behaviour: {quoted}}}}}
    spec:
      restartPolicy: Never
      containers: [{{name: m, image: shop/web}}]
"""


def claim(size: str) -> str:
    return (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n"
        f"spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}\n"
    )


def ask(live: Portal, version: str, tag: str, **files: str) -> Rollout:
    bundle = {"settings": config(), "web": deployment("web", "shop/web"), **files}
    named = {f"base/{name}.yaml": text for name, text in bundle.items()}
    return live.wait(live.ask(version, named, {"shop/web": f"shop/web:{tag}"}, parameters=QUICK))


def went_in(live: Portal, version: str, tag: str, **files: str) -> Rollout:
    rollout = ask(live, version, tag, **files)
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    return rollout


def go_back(live: Portal, rollout: Rollout) -> Rollout:
    actions.rollback(live.operator, rollout)
    back = live.wait(rollout, Phase.ROLLED_BACK, Phase.FAILED)
    assert back.phase == Phase.ROLLED_BACK, back.why
    return back


def image(live: Portal, name: str = "web") -> str:
    found = live.get("Deployment", name)
    assert found
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_what_was_deleted_by_hand_is_made_anew_at_the_first_press(live: Portal) -> None:
    went_in(live, "1", "1")
    first = image(live)
    second = went_in(live, "2", "2")
    live.gateway.delete(Ref("apps/v1", "Deployment", live.namespace, "web"))
    live.wait_for(lambda: live.get("Deployment", "web") is None)
    go_back(live, second)
    assert image(live) == first


def test_no_job_runs_on_the_way_back_and_the_plan_says_so(live: Portal) -> None:
    first = went_in(live, "1", "1", job=job("migrate-1"))
    ran = image(live)
    second = went_in(live, "2", "2", job=job("migrate-2"))
    jobs = load_plan(second)["back"]["jobs"]
    assert [ref[3] for ref in jobs["not_run"]] == ["migrate-1"]
    assert [ref[3] for ref in jobs["done"]] == ["migrate-2"]
    go_back(live, second)
    assert image(live) == ran
    assert live.get("Job", "migrate-1", "batch/v1") is None
    went_in(live, "3", "2", job=job("migrate-3"))
    undone = live.wait(actions.undo(live.operator, live.application, live.environment, first, reason="as before"))
    assert (undone.phase, image(live)) == (Phase.SUCCEEDED, ran), undone.why
    assert live.get("Job", "migrate-1", "batch/v1") is None


def test_a_job_that_undoes_the_release_runs_on_the_way_back_alone(live: Portal) -> None:
    went_in(live, "1", "1")
    settings = "wayBack:\n  jobs: [undo-2]\n"
    bundle = {"base/c.yaml": config(), "base/web.yaml": deployment("web", "shop/web"), "base/job.yaml": job("undo-2")}
    files = {**bundle, "slipway.yaml": settings}
    second = live.wait(live.ask("2", files, {"shop/web": "shop/web:2"}, parameters=QUICK))
    assert second.phase == Phase.SUCCEEDED, second.why
    assert live.get("Job", "undo-2", "batch/v1") is None
    assert [ref[3] for ref in load_plan(second)["back"]["jobs"]["run"]] == ["undo-2"]
    go_back(live, second)
    found = live.get("Job", "undo-2", "batch/v1")
    assert found
    assert found["status"]["succeeded"] == 1


def test_a_claim_that_grew_stays_and_the_plan_and_the_end_say_so(live: Portal) -> None:
    went_in(live, "1", "1", claim=claim("1Gi"))
    first = image(live)
    second = went_in(live, "2", "2", claim=claim("2Gi"))
    [left] = load_plan(second)["back"]["leaves"]
    assert left["ref"][1] == "PersistentVolumeClaim"
    assert "stays at 2Gi" in left["why"]
    back = go_back(live, second)
    assert image(live) == first
    assert "stays at 2Gi" in back.why


def test_what_the_release_did_not_touch_is_neither_restarted_nor_scaled(live: Portal) -> None:
    other = deployment("other", "shop/other", replicas=1)
    live.push("shop/other", "1")

    def both(version: str, tag: str) -> Rollout:
        files = {"base/c.yaml": config(), "base/web.yaml": deployment("web", "shop/web"), "base/other.yaml": other}
        images = {"shop/web": f"shop/web:{tag}", "shop/other": "shop/other:1"}
        return live.wait(live.ask(version, files, images, parameters=QUICK))

    both("1", "1")
    second = both("2", "2")
    ref = Ref("apps/v1", "Deployment", live.namespace, "other")
    live.gateway.merge_patch(ref, {"spec": {"replicas": 3, "template": {"metadata": {"annotations": RESTARTED}}}})
    go_back(live, second)
    found = live.get("Deployment", "other")
    assert found
    assert found["spec"]["replicas"] == 3
    assert RESTARTED.items() <= found["spec"]["template"]["metadata"]["annotations"].items()


def test_a_first_release_over_a_running_application_goes_back_to_what_ran(live: Portal) -> None:
    live.gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": live.namespace}})
    settings = {"name": "settings", "namespace": live.namespace}
    live.gateway.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": settings, "data": {"OLD": "1"}})
    running = _running(live)
    live.gateway.create(running)
    live.wait_for(lambda: (live.get("Deployment", "web") or {}).get("status", {}).get("readyReplicas") == 3)
    first = ask(live, "1", "bad")
    assert first.phase == Phase.FAILED
    go_back(live, first)
    found = live.get("Deployment", "web")
    assert found
    [container] = found["spec"]["template"]["spec"]["containers"]
    assert container["image"] == running["spec"]["template"]["spec"]["containers"][0]["image"]
    assert {"name": "DATABASE_URL", "value": "postgres://prod"} in container["env"]
    assert found["metadata"]["labels"] == {"team": "payments"}
    assert found["spec"]["replicas"] == found["status"]["readyReplicas"] == 3
    kept = live.get("ConfigMap", "settings", "v1")
    assert kept
    assert kept["data"] == {"OLD": "1"}


def _running(live: Portal) -> dict[str, Any]:
    container = {
        "name": "web",
        "image": f"{live.place.registry}/{live.namespace}/shop/web:1",
        "env": [{"name": "DATABASE_URL", "value": "postgres://prod"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
        "ports": [{"containerPort": 8080}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": live.namespace, "labels": {"team": "payments"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }
