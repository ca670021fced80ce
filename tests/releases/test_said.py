"""What programs write and answer is for those who may read logs, and in nothing that others see or get."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.kube.objects import Ref
from environments.kube.status.inspection import Inspection
from environments.kube.status.verdict import Verdict
from portal import blobs, tokens
from portal.models import AuditEntry
from portal.roles import ALLOWED, Role, Verb
from portal.steps.state import ProgramOutput, State, StepChange, outputs_of
from releases.engine.facts import Work
from releases.engine.program_output import LONGEST, said_of
from releases.models import Rollout, Step
from releases.orchestrator.recording import _record_step
from releases.states import Phase
from releases.strategies.blue_green.operations import Probe
from releases.strategies.blue_green.probe_handlers import EXCERPT, probe
from tests.releases.world import ROLES, World

SAID = "hunter2"
WEB = ["apps/v1", "Deployment", "shop-prod", "web"]
DEPLOYMENT = {"kind": "Deployment", "spec": {"template": {"spec": {}}}}
PLAN = {
    "namespace": "shop-prod", "images": {}, "changes": [], "risks": [], "steps": [{"label": "Check"}],
    "objects": [{"ref": WEB, "stage": "workloads", "wave": 0, "manifest": DEPLOYMENT}],
}  # fmt: skip
READERS = {name for name, role in ROLES.items() if role and Verb.LOGS in ALLOWED[role]}


def asked(answered: int, body: str, **wanted: Any) -> dict[str, Any]:
    gateway = SimpleNamespace(proxy=lambda *_, **__: (answered, body.encode()))
    action = Probe(Ref("v1", "Service", "shop", "web"), "smoke test", 80, "/", 1.0, **wanted)
    return dict(probe(SimpleNamespace(gateway=gateway), action))  # type: ignore[arg-type]


STATUS = f'{{"kind": "Status", "message": "{SAID}", "reason": "ServiceUnavailable"}}'


@pytest.mark.parametrize("body", [SAID, STATUS, SAID + "x" * 5000], ids=["text", "status", "long"])
@pytest.mark.parametrize("wanted", [{"status": 599}, {"status": 0}, {"status": 500, "contains": "ok"}])
def test_why_a_check_failed_has_nothing_of_the_answer(wanted: dict[str, Any], body: str) -> None:
    result = asked(500, body, **wanted)
    assert not result["ok"]
    assert SAID not in result["why"]
    assert result["said"].startswith(SAID)
    assert len(result["said"]) <= EXCERPT


def test_of_a_check_that_passed_nothing_is_kept() -> None:
    assert asked(200, SAID, status=200, contains=SAID) == {"ok": True, "why": "", "at": 1.0, "said": ""}


def test_what_is_kept_of_a_step_is_bounded_and_names_who_said_it() -> None:
    memory = {
        "looked": {
            "apps/Deployment/shop/web": {"said": "web-1/web: gone"},
            "apps/Deployment/shop/api": {"summary": "x"},
        },
        "probed": {"web-preview smoke test": {"ok": False, "said": "no"}, "web-preview other": {"ok": True}},
    }
    assert (
        said_of(outputs_of(State.from_json({"memory": memory}))) == "web: web-1/web: gone\nweb-preview smoke test: no"
    )
    assert len(said_of([ProgramOutput("a", "x" * 10_000)])) == LONGEST
    assert said_of([]) == ""


@pytest.fixture
def failed(world: World) -> Iterator[Rollout]:
    """A rollout whose check failed, recorded as the orchestrator does."""
    rollout = world.rollout(Phase.FAILED, plan_digest=blobs.store_json(PLAN), why="Failed in “Check”: answered 500")
    Step.objects.create(rollout=rollout, index=0, label="Check")
    record = StepChange("forward", 0, "failed", "answered 500", 1.0, 2.0, outputs=(ProgramOutput("web check", SAID),))
    _record_step(rollout, Work((), ({"label": "Check"},)), record)
    return rollout


@pytest.mark.parametrize("name", [name for name, role in ROLES.items() if role])
def test_the_page_shows_it_to_who_may_read_logs(world: World, failed: Rollout, name: str) -> None:
    client = Client()
    client.force_login(world.people[name].user)
    for tab in ("now", "activity"):
        page = client.get(f"/rollouts/{failed.pk}?tab={tab}").content.decode()
        assert "answered 500" in page
        assert (SAID in page) is (name in READERS)


def test_a_step_at_work_shows_it_too(world: World, failed: Rollout) -> None:
    cursor = {"memory": {"probed": {"web smoke test": {"ok": False, "said": "for now"}}}}
    Rollout.objects.filter(pk=failed.pk).update(phase=Phase.PAUSED, cursor=cursor)
    client = Client()
    for name, there in (("developer", True), ("auditor", False)):
        client.force_login(world.people[name].user)
        assert ("for now" in client.get(f"/rollouts/{failed.pk}").content.decode()) is there


@pytest.mark.parametrize("name", ["developer", "operator", "auditor"])
def test_the_api_tells_it_to_who_may_read_logs_and_the_history_to_nobody(
    world: World, failed: Rollout, name: str
) -> None:
    user = world.people[name].user
    assert user
    token = tokens.issue(user, "test", (), (), timezone.now() + timedelta(hours=1))[0]
    client = Client(headers={"Authorization": f"Bearer {token}"})
    answer = client.get(f"/api/v1/rollouts/{failed.pk}").json()
    assert answer["said"] == (f"web check: {SAID}" if name in READERS else "")
    assert "answered 500" in answer["why"]
    assert SAID not in str({**answer, "said": ""})
    assert SAID not in client.get("/api/v1/rollouts").content.decode()
    assert not [entry for entry in AuditEntry.objects.all() if SAID in str(entry.data)]


@pytest.mark.parametrize(
    ("name", "reads"), [("developer", True), ("lead", True), ("operator", True), ("auditor", False)]
)
def test_logs_and_events_are_read_for_who_may_read_them(
    world: World, failed: Rollout, monkeypatch: pytest.MonkeyPatch, name: str, reads: bool
) -> None:
    asked_for: list[bool] = []

    def inspect(_gateway: object, _ref: Ref, *, pod: str, read: bool) -> Inspection:
        asked_for.append(read)
        return Inspection(Verdict("done", "ready"), (), (), SAID if read else "", "web-1", "")

    monkeypatch.setattr("releases.pages.workloads.inspect", inspect)
    monkeypatch.setattr("releases.pages.workloads.gateway_for", lambda _cluster: None)
    client = Client()
    client.force_login(world.people[name].user)
    page = client.get(f"/rollouts/{failed.pk}/workloads/Deployment/shop-prod/web").content.decode()
    assert asked_for == [reads]
    assert (SAID in page) is reads
    assert ("takes the role developer or approver or operator" in page) is not reads


def test_who_only_looks_reads_no_logs() -> None:
    assert {role for role in Role if Verb.LOGS in ALLOWED[role]} == {Role.DEVELOPER, Role.APPROVER, Role.OPERATOR}
