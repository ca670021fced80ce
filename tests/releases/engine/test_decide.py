"""What is decided, by what is known: no database, no cluster, no clock."""

from collections.abc import Callable
from typing import Any

import pytest

from environments.kube.objects import Ref
from portal.steps.operations import Trouble
from releases.engine.operations import Apply, Diagnose, Halt, Prune, Read
from releases.states import Phase
from tests.releases.rollout.paper import API, DB, SCALER, SETTINGS, WEB, Paper, containers_of, plan_of, workload

INGRESS = Ref("networking.k8s.io/v1", "Ingress", "shop", "web")
ALL = plan_of(SETTINGS, DB, WEB, API, SCALER)
AUTOSCALER = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"uid": "uid-web"},
    "status": {"conditions": [{"type": "AbleToScale", "status": "True"}], "currentReplicas": 3, "desiredReplicas": 3},
}
IMAGE = {
    "problems": [{"words": "the image x cannot be pulled", "fatal": True}],
    "summary": "the image x cannot be pulled",
}


def up(paper: Paper, *refs: object) -> None:
    for ref in refs:
        paper.tell(ref, workload(ref, 3))


def test_configuration_comes_first_and_waves_follow_each_other() -> None:
    paper = Paper(ALL)
    decision = paper.go()
    assert paper.applied() == ["settings", "db"]
    assert decision.why.startswith("0 of 1 ready: db: ")
    up(paper, DB)
    paper.go()
    assert paper.applied() == ["settings", "db", "web", "api"]


def test_the_last_workload_that_comes_up_ends_the_rollout_in_the_same_pass() -> None:
    paper = Paper(ALL)
    paper.read[SCALER.key] = AUTOSCALER
    up(paper, DB, WEB, API)
    decision = paper.go()
    assert decision.phase is Phase.SUCCEEDED
    assert decision.due_in is None
    assert paper.phases == [Phase.PROGRESSING, Phase.VERIFYING, Phase.SUCCEEDED]
    ended = [index for _, index, state in paper.steps if state == "done"]
    assert ended == list(range(len(ALL["steps"])))


def test_the_reason_for_waiting_has_numbers() -> None:
    paper = Paper(ALL)
    up(paper, DB, API)
    paper.tell(WEB, workload(WEB, 1))
    assert paper.go().why == "1 of 2 ready: web: 1 of 3 pods updated, 2 old pods still running"


def test_a_status_older_than_the_apply_is_not_believed() -> None:
    paper = Paper(plan_of(WEB))
    paper.tell(WEB, workload(WEB, 3, generation=1))
    assert paper.go().phase is Phase.PROGRESSING
    up(paper, WEB)
    assert paper.go().phase is Phase.SUCCEEDED


def test_nothing_is_asked_of_the_cluster_while_a_watch_tells_of_progress() -> None:
    paper = Paper(plan_of(WEB))
    for ready in range(3):
        paper.tell(WEB, workload(WEB, ready))
        paper.later(2)
    assert [type(action) for action in paper.done] == [Apply]


def test_pods_are_looked_at_when_a_workload_stands_still_and_ever_more_rarely() -> None:
    paper = Paper(plan_of(WEB))
    paper.tell(WEB, workload(WEB, 1))
    paper.go()
    for _ in range(40):
        paper.later(1)
    assert paper.looked() == 3  # after 3, 9 and 21 s
    paper.tell(WEB, workload(WEB, 2))
    paper.later(1)
    assert paper.looked() == 3


def test_a_pod_that_cannot_come_up_is_told_at_once_and_fails_the_rollout_after_the_grace() -> None:
    paper = Paper(plan_of(WEB, fatalGraceSeconds=10))
    paper.tell(WEB, workload(WEB, 2))
    paper.pods[WEB.key] = IMAGE
    paper.go()
    decision = paper.later(3)
    assert decision.phase is Phase.PROGRESSING
    assert "the image x cannot be pulled" in decision.why
    assert decision.due_in <= 10
    decision = paper.later(decision.due_in)
    decision = paper.later(decision.due_in or 0) if decision.due_in is not None else decision
    assert decision.phase is Phase.FAILED
    assert "web: the image x cannot be pulled (2 of 3 pods updated" in decision.why


def test_a_pod_that_heals_in_the_grace_fails_nothing() -> None:
    paper = Paper(plan_of(WEB, fatalGraceSeconds=10))
    paper.tell(WEB, workload(WEB, 2))
    paper.pods[WEB.key] = IMAGE
    paper.go()
    paper.later(3)
    paper.pods.clear()
    assert paper.later(12).phase is Phase.PROGRESSING
    up(paper, WEB)
    assert paper.go().phase is Phase.SUCCEEDED


def test_a_workload_that_has_failed_is_looked_at_for_the_reason_first() -> None:
    paper = Paper(plan_of(WEB))
    failed = workload(WEB, 1)
    failed["status"]["conditions"] = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    paper.tell(WEB, failed)
    paper.pods[WEB.key] = {"problems": [], "summary": "no node has room"}
    decision = paper.go()
    assert decision.phase is Phase.FAILED
    assert "no node has room (no progress for 600 s" in decision.why


def test_a_wave_that_never_comes_up_fails_after_the_environments_time() -> None:
    paper = Paper(plan_of(WEB), progress_seconds=60)
    paper.tell(WEB, workload(WEB, 0, wanted=2))
    paper.go()
    for _ in range(5):
        assert paper.later(11).phase is Phase.PROGRESSING
    decision = paper.later(11)
    assert decision.phase is Phase.FAILED
    assert "not ready after 60 s; 0 of 1 ready: web: 0 of 2 pods updated" in decision.why


def test_time_in_which_the_portal_was_away_does_not_count() -> None:
    paper = Paper(plan_of(WEB), progress_seconds=60)
    paper.tell(WEB, workload(WEB, 2))
    paper.go()
    assert paper.later(3600).phase is Phase.PROGRESSING


def test_a_paused_deployment_waits_for_a_person() -> None:
    paper = Paper(plan_of(WEB))
    paper.tell(WEB, workload(WEB, 1, paused=True))
    why = paper.go().why
    assert "the Deployment is paused" in why
    assert "kubectl rollout resume deployment/web -n shop" in why


@pytest.mark.parametrize(
    ("fault", "after", "phase"),
    [
        ("user", 0, Phase.FAILED),
        ("cluster", 0, Phase.PROGRESSING),
        ("cluster", 40, Phase.FAILED),
        ("transient", 0, Phase.PROGRESSING),
        ("transient", 40, Phase.PROGRESSING),
    ],
)
def test_faults_end_a_rollout_or_wait_by_whose_they_are(fault: str, after: int, phase: Phase) -> None:
    paper = Paper(plan_of(WEB))
    paper.broken[WEB.key] = Trouble(fault, "The cluster says no.")
    decision = paper.go()
    for _ in range(after):
        decision = decision if decision.due_in is None else paper.later(1)
    assert decision.phase is phase
    assert "The cluster says no." in decision.why


def test_a_cluster_that_does_not_answer_is_tried_again_with_growing_pauses() -> None:
    paper = Paper(plan_of(WEB))
    paper.broken[WEB.key] = Trouble("transient", "The cluster does not answer.")
    pauses = [paper.go().due_in]
    for _ in range(4):
        pauses.append(paper.later(pauses[-1]).due_in)
    assert pauses == [0.5, 1, 2, 4, 8]
    paper.broken.clear()
    up(paper, WEB)
    assert paper.later(8).phase is Phase.SUCCEEDED


def test_the_server_may_name_a_longer_pause() -> None:
    paper = Paper(plan_of(WEB))
    paper.broken[WEB.key] = Trouble("transient", "Too many requests.", retry_after=7)
    assert paper.go().due_in == 7


def test_a_cluster_that_never_answers_fails_the_rollout_in_the_end() -> None:
    paper = Paper(plan_of(WEB), progress_seconds=60)
    paper.broken[WEB.key] = Trouble("transient", "The cluster does not answer.")
    decision = paper.go()
    for _ in range(10):
        decision = paper.later(10) if decision.due_in is not None else decision
    assert decision.phase is Phase.FAILED
    assert decision.why.endswith("for 60 s the cluster has not done it: The cluster does not answer.")


def test_a_clock_that_is_put_back_holds_nothing_up() -> None:
    paper = Paper(plan_of(WEB), watching=False)
    paper.broken[WEB.key] = Trouble("transient", "The cluster does not answer.")
    for seconds in (0, 1, 2, 4):
        paper.later(seconds)
    decision = paper.later(-300)
    assert decision.due_in is not None
    assert decision.due_in <= 30
    paper.broken.clear()
    paper.read[WEB.key] = workload(WEB, 0)
    assert "0 of 3 pods" in paper.later(decision.due_in).why
    paper.read[WEB.key] = workload(WEB, 3)
    decision = paper.later(-300)
    assert paper.later(decision.due_in or 0).phase is Phase.SUCCEEDED
    assert all(each.seconds is None or each.seconds >= 0 for each in paper.records)


def test_pausing_in_the_middle_of_a_wave_halts_its_deployments_and_resuming_goes_on() -> None:
    paper = Paper(ALL)
    up(paper, DB)
    paper.tell(WEB, workload(WEB, 1))
    up(paper, API)
    paper.go()
    decision = paper.say("pause")
    assert decision.phase is Phase.PAUSED
    assert [action.ref for action in paper.done if isinstance(action, Halt)] == [WEB]
    assert "Wave 2: web, api" in decision.why
    up(paper, WEB)
    assert paper.later(100).phase is Phase.PAUSED
    paper.read[SCALER.key] = AUTOSCALER
    assert paper.say("resume").phase is Phase.SUCCEEDED
    assert paper.applied() == ["settings", "db", "web", "api", "web", "api", "web"]


def test_a_halt_whose_record_was_lost_in_a_crash_is_undone_by_resuming() -> None:
    paper = Paper(plan_of(WEB))
    paper.tell(WEB, workload(WEB, 1))
    paper.go()
    before = paper.state
    paper.say("pause")
    paper.state = before
    paper.say("resume")
    assert [type(action) for action in paper.done] == [Apply, Halt, Apply]


def test_time_in_a_pause_does_not_count() -> None:
    paper = Paper(plan_of(WEB), progress_seconds=60)
    paper.tell(WEB, workload(WEB, 1))
    paper.go()
    paper.say("pause")
    for _ in range(10):
        paper.later(30)
    assert paper.say("resume").phase is Phase.PROGRESSING


def failing() -> Paper:
    paper = Paper(ALL, back=plan_of(SETTINGS, DB, WEB, prune=(API,), adopt=(WEB,)))
    up(paper, DB)
    paper.broken[WEB.key] = Trouble("user", "spec.replica: unknown field.")
    paper.go()
    paper.broken.clear()
    return paper


def test_a_failed_step_is_tried_again_from_where_it_failed() -> None:
    paper = failing()
    assert paper.phases[-1] is Phase.FAILED
    paper.phases.append(Phase.PROGRESSING)
    paper.facts = type(paper.facts)(**{**vars(paper.facts), "phase": Phase.PROGRESSING})
    up(paper, WEB, API)
    paper.read[SCALER.key] = AUTOSCALER
    assert paper.say("retry").phase is Phase.SUCCEEDED
    assert paper.applied().count("settings") == 1


@pytest.mark.parametrize(
    ("intent", "on_the_way", "end"),
    [("abort", Phase.ABORTING, Phase.ABORTED), ("rollback", Phase.ROLLING_BACK, Phase.ROLLED_BACK)],
)
def test_going_back_adopts_restores_prunes_and_verifies(intent: str, on_the_way: Phase, end: Phase) -> None:
    paper = Paper(ALL, back=plan_of(SETTINGS, DB, WEB, prune=(API,), adopt=(WEB,)))
    up(paper, DB)
    paper.go()
    paper.done.clear()
    decision = paper.say(intent)
    assert decision.phase is on_the_way
    assert [type(a).__name__ + " " + a.ref.name for a in paper.done] == [
        "Adopt web", "Apply settings", "Apply db", "Apply web",
    ]  # fmt: skip
    up(paper, WEB)
    decision = paper.go()
    assert decision.phase is end
    assert decision.why == f"{'Aborted' if end is Phase.ABORTED else 'Rolled back'} by lead."
    assert [action.ref for action in paper.done if isinstance(action, Prune)] == [API]
    assert ("forward", 3, "skipped") in paper.steps


def test_going_back_removes_what_a_later_rollout_has_made_again() -> None:
    back = plan_of(SETTINGS, prune=(API,))
    back["prune"][0]["uid"] = ""
    paper = Paper(plan_of(SETTINGS, API), back=back)
    paper.go()
    assert paper.state.written[API.key]["uid"] == "uid-api"
    paper.say("rollback")
    assert [(action.ref, action.uid) for action in paper.done if isinstance(action, Prune)] == [(API, "")]


def test_an_environment_may_roll_back_by_itself() -> None:
    paper = Paper(ALL, back=plan_of(SETTINGS), roll_back_on_failure=True)
    up(paper, DB)
    paper.broken[WEB.key] = Trouble("user", "spec.replica: unknown field.")
    decision = paper.go()
    assert paper.phases == [Phase.PROGRESSING, Phase.FAILED, Phase.ROLLING_BACK, Phase.ROLLED_BACK]
    assert "unknown field" in decision.why


def test_a_way_back_that_fails_is_taken_up_where_it_stopped() -> None:
    paper = Paper(ALL, back=plan_of(SETTINGS, DB, WEB))
    up(paper, DB)
    paper.go()
    paper.broken[WEB.key] = Trouble("user", "No.")
    assert paper.say("rollback").phase is Phase.FAILED
    paper.broken.clear()
    up(paper, WEB)
    paper.done.clear()
    assert paper.say("rollback").phase is Phase.ROLLED_BACK
    assert paper.applied() == ["web"]


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda paper: paper.world.clear(), "no watch told of it"),
        (lambda paper: paper.tell(WEB, None), "a watch said that it was deleted"),
    ],
)
def test_what_the_watch_does_not_tell_is_read(break_it: Callable[[Paper], None], why: str) -> None:
    paper = Paper(plan_of(WEB))
    break_it(paper)
    paper.read[WEB.key] = workload(WEB, 3)
    paper.go()
    assert paper.later(3).phase is Phase.SUCCEEDED
    assert any(isinstance(action, Read) for action in paper.done), why


def test_an_object_that_is_really_gone_fails_the_wave() -> None:
    paper = Paper(plan_of(WEB))
    paper.tell(WEB, None)
    assert "somebody has deleted it" in paper.go().why


def test_what_was_absent_before_it_was_applied_is_not_taken_for_deleted() -> None:
    paper = Paper(plan_of(WEB), watching=False)
    decision = paper.go()
    applied = next(at for at, action in enumerate(paper.done) if isinstance(action, Apply))
    assert not any(isinstance(action, Read) for action in paper.done[: applied + 1])
    assert decision.phase is Phase.FAILED  # it was read after the apply, and is gone


def test_without_watches_a_rollout_reads_for_itself() -> None:
    paper = Paper(plan_of(WEB), watching=False)
    paper.read[WEB.key] = workload(WEB, 1)
    decision = paper.go()
    assert decision.due_in <= 2
    paper.read[WEB.key] = workload(WEB, 3)
    assert paper.later(2).phase is Phase.SUCCEEDED


def test_all_has_to_stay_up_for_the_time_that_the_strategy_says() -> None:
    paper = Paper(plan_of(WEB, stableSeconds=10))
    up(paper, WEB)
    assert paper.go().phase is Phase.VERIFYING
    paper.tell(WEB, workload(WEB, 2))
    paper.later(8)
    up(paper, WEB)
    assert paper.later(8).phase is Phase.VERIFYING
    assert paper.later(10).phase is Phase.SUCCEEDED


@pytest.mark.parametrize(
    ("containers", "spec", "seconds"),
    [
        ([{"readinessProbe": {}}], {}, 0),
        ([{"readinessProbe": {}}, {}], {}, 10),
        ([{}], {}, 10),
        ([{}], {"minReadySeconds": 5}, 0),
    ],
)
def test_what_cannot_say_that_it_is_ready_has_to_stay_up_for_a_while(
    containers: list[dict[str, Any]], spec: dict[str, Any], seconds: float
) -> None:
    paper = Paper(containers_of(plan_of(WEB), *containers, **spec))
    up(paper, WEB)
    decision = paper.go()
    if seconds:
        assert (decision.phase, decision.due_in) == (Phase.VERIFYING, seconds)
        decision = paper.later(seconds)
    assert decision.phase is Phase.SUCCEEDED


def test_a_restart_in_that_while_begins_it_anew() -> None:
    paper = Paper(containers_of(plan_of(WEB), {}))
    up(paper, WEB)
    paper.go()
    paper.restarts = 1
    assert paper.later(10).phase is Phase.VERIFYING
    assert paper.later(9).phase is Phase.VERIFYING
    assert paper.later(1).phase is Phase.SUCCEEDED


def test_starting_and_crashing_over_and_over_is_no_progress() -> None:
    paper = Paper(containers_of(plan_of(WEB), {}))
    paper.pods[WEB.key] = {"problems": [{"words": "", "fatal": True}], "summary": "web crashes: boom", "freed": []}
    decision = paper.go()
    for turn in range(60):
        paper.tell(WEB, workload(WEB, 3 if turn % 2 else 2))
        decision = paper.later(2)
        if decision.due_in is None:
            break
    assert decision.phase is Phase.FAILED
    assert "web crashes: boom" in decision.why
    assert paper.looked() < 10


@pytest.mark.parametrize(("action", "held"), [("create", True), ("update", False)])
def test_a_success_waits_a_little_for_an_ingress_that_came_with_it(action: str, held: bool) -> None:
    plan = plan_of(WEB, INGRESS) | {"changes": [{"ref": list(INGRESS), "action": action}]}
    paper = Paper(plan)
    up(paper, WEB)
    paper.read[INGRESS.key] = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {}, "status": {}}
    decision = paper.go()
    assert (decision.phase is Phase.VERIFYING) is held
    while decision.due_in is not None:
        decision = paper.later(decision.due_in)
    assert decision.phase is Phase.SUCCEEDED
    assert "to be looked at: Ingress shop/web" in decision.steps[-1].why


def test_an_autoscaler_that_cannot_work_is_noted_and_holds_nothing_up() -> None:
    paper = Paper(plan_of(WEB, SCALER))
    up(paper, WEB)
    broken = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"}
    paper.read[SCALER.key] = {**AUTOSCALER, "status": {"conditions": [broken]}}
    decision = paper.go()
    assert decision.phase is Phase.SUCCEEDED
    assert "no metrics" in decision.steps[-1].why


def test_a_statefulset_that_stands_on_a_broken_pod_is_looked_at_after_a_second() -> None:
    paper = Paper(plan_of(DB))
    paper.tell(DB, workload(DB, 2))
    decision = paper.go()
    assert decision.due_in <= 1
    paper.later(1)
    assert isinstance(paper.done[-1], Diagnose)


@pytest.mark.parametrize(
    ("action", "prune", "phase"),
    [
        ("unchanged", (), Phase.SUCCEEDED),
        ("update", (), Phase.VERIFYING),
        ("unchanged", (SETTINGS,), Phase.VERIFYING),
    ],
)
def test_a_plan_that_changes_nothing_ends_as_soon_as_everything_is_healthy(action, prune, phase) -> None:
    plan = containers_of(plan_of(WEB, prune=prune, stableSeconds=10), {})
    plan["changes"] = [{"ref": list(WEB), "action": action}]
    paper = Paper(plan)
    paper.tell(WEB, workload(WEB, 2))
    assert paper.go().phase is Phase.PROGRESSING, "what is not healthy is waited for"
    paper.tell(WEB, workload(WEB, 3))
    assert paper.later(1).phase is phase
