"""The two platforms of the documents: from a signed webhook through all four environments, and back from a bad one."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.__main__ import PLATFORMS
from demo.images import CRASH
from demo.seed import archive
from tests.acceptance.conftest import BOTH, real_place
from tests.acceptance.portal import Portal, Rollout, portal
from tests.acceptance.signing import generic_release, github_release
from tests.acceptance.world import snapshot
from tests.releases.rollout.bundles import config

ENVIRONMENTS = ("dev", "staging", "prod", "dr")
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module", params=BOTH)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal with both platforms, of which nothing runs yet."""
    place = real_place() if request.param else None
    with portal(tmp_path_factory.mktemp("platforms"), place, pushed=PLATFORMS) as running:
        yield running


@pytest.fixture(scope="module")
def everywhere(live: Portal) -> list[Rollout]:
    """1.0.0 of both, told by webhooks and approved by the leads: the rollouts when all of them have ended."""
    told = [
        github_release(live.webhooks["ai-workflow"]["github"], "example/ai-workflow", "v1.0.0"),
        generic_release(live.webhooks["nova"]["generic"], "1.0.0", author="octocat"),
    ]
    assert [status for status, _ in told] == [202, 202], told
    asked = [live.rollout(number) for _, answer in told for number in answer["rollouts"]]
    return [_approved(live, rollout) for rollout in asked]


def _approved(live: Portal, rollout: Rollout) -> Rollout:
    """The rollout at its end, voted for by the leads where its environment asks for it."""
    wanted = next(e for e in live.api("GET", "environments") if e["name"] == rollout["environment"])
    if wanted["required_approvals"]:
        planned = live.wait(rollout, "awaiting approval")
        for lead in ("lead", "lead2")[: wanted["required_approvals"]]:
            live.say("approve", planned, lead, "I have read the plan.")
    return live.wait(rollout, seconds=200)


def test_both_platforms_go_from_a_signed_webhook_through_all_four_environments(everywhere: list[Rollout]) -> None:
    gone = {(each["application"], each["environment"]): each["phase"] for each in everywhere}
    wanted = {(name, place): "succeeded" for name in ("ai-workflow", "nova") for place in ENVIRONMENTS}
    assert gone == wanted, [each["why"] for each in everywhere]


def test_the_webhook_s_second_delivery_leads_to_the_first(live: Portal, everywhere: list[Rollout]) -> None:
    status, answer = github_release(live.webhooks["ai-workflow"]["github"], "example/ai-workflow", "v1.0.0")
    assert (status, answer["outcome"]) == (202, "duplicate")
    assert set(answer["rollouts"]) == {each["id"] for each in everywhere if each["application"] == "ai-workflow"}


def test_nobody_but_who_holds_the_secret_is_heard(live: Portal, everywhere: list[Rollout]) -> None:
    forged = {**live.webhooks["ai-workflow"]["github"], "secret": "guessed"}
    assert github_release(forged, "example/ai-workflow", "v9.9.9")[0] == 401
    assert live.api("GET", "releases?application=ai-workflow")[0]["version"] == "1.0.0"


def in_kubectl(live: Portal, namespace: str) -> list[dict[str, Any]]:
    """The Deployments there, as the user's own kubectl tells of them."""
    found: list[dict[str, Any]] = json.loads(live.kubectl("get", "deployments", "-n", namespace, "-o", "json"))["items"]
    return found


@pytest.mark.lane("kubectl")
def test_kubectl_agrees_with_the_matrix(live: Portal, everywhere: list[Rollout]) -> None:
    rows = {row["application"]: row["environments"] for row in live.api("GET", "matrix")}
    assert {cell["live"] for cells in rows.values() for cell in cells} == {"1.0.0"}
    for rollout in everywhere:
        plan = live.api("GET", f"rollouts/{rollout['id']}/plan")
        planned = {(o["ref"][2], o["ref"][3]): o["manifest"] for o in plan["objects"] if o["ref"][1] == "Deployment"}
        found = [each for space in {space for space, _ in planned} for each in in_kubectl(live, space)]
        assert {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found} == set(planned)
        for each in found:
            manifest = planned[each["metadata"]["namespace"], each["metadata"]["name"]]
            assert _images(each) == _images(manifest)
            assert all("@sha256:" in image for image in _images(each))
            assert each["status"]["readyReplicas"] == each["status"]["updatedReplicas"] == each["spec"]["replicas"]


def _images(workload: dict[str, Any]) -> list[str]:
    return [container["image"] for container in workload["spec"]["template"]["spec"]["containers"]]


def test_what_happened_is_in_a_chain_that_verifies(live: Portal, everywhere: list[Rollout]) -> None:
    live.manage("audit", "head")
    done = live.manage("audit", "verify")
    assert done.returncode == 0, done.stderr
    entries = live.api("GET", "audit?limit=1000", "auditor")
    succeeded = [e for e in entries if e["verb"] == "rollout.succeeded"]
    approvals = [(e["environment"], e["actor"]) for e in entries if e["verb"] == "rollout.approved"]
    assert len(succeeded) == 8
    wanted = [("dr", "lead"), ("prod", "lead"), ("prod", "lead2"), ("staging", "lead")]
    assert sorted(approvals) == sorted((place, f"{name} (token demo)") for place, name in 2 * wanted)


def test_a_release_that_crashes_fails_in_time_and_is_taken_back_with_its_configuration(
    live: Portal, everywhere: list[Rollout], tmp_path: Path
) -> None:
    """1.4.0 brings another value, an object more and a key less, and its image crashes in the first service."""
    namespace = "ai-workflow-staging"
    before = snapshot(live, namespace)
    status, answer = generic_release(
        live.webhooks["ai-workflow"]["generic"],
        "1.4.0",
        bundle={"digest": _changed_bundle(live, tmp_path)},
        environments=["staging"],
    )
    assert status == 202, answer
    failed = _approved(live, live.rollout(answer["rollouts"][0]))
    assert failed["phase"] == "failed"
    assert CRASH["logs"][-1] in failed["said"]
    changed = snapshot(live, namespace)
    assert changed["ConfigMap/auth-service-config"]["data"]["REQUESTS_PER_MINUTE"] == "500"
    assert "REQUESTS_PER_MINUTE" not in changed["ConfigMap/persona-service-config"]["data"]
    assert "ConfigMap/brought-by-1.4.0" in changed
    live.wait(live.say("rollback", failed, "lead", "It crashes."), "rolled back")
    assert snapshot(live, namespace) == before


def _changed_bundle(live: Portal, folder: Path) -> str:
    """The platform with a value changed, a key less and an object more: the digest under which the portal has it."""
    changed = shutil.copytree(live.demo / "ai-workflow", folder / "ai-workflow")
    _edit(changed / "base" / "auth-service.yaml", 'REQUESTS_PER_MINUTE: "1000"', 'REQUESTS_PER_MINUTE: "500"')
    _edit(changed / "base" / "persona-service.yaml", '  REQUESTS_PER_MINUTE: "1000"\n', "")
    (changed / "base" / "brought.yaml").write_text(config("brought-by-1.4.0", ADDED="yes"))
    fields = {"application": "ai-workflow", "bundle": ("changed.tar.gz", archive(changed))}
    return str(live.api("POST", "bundles", fields=fields)["digest"])


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} is not what this test was written for"
    file.write_text(text.replace(old, new))
