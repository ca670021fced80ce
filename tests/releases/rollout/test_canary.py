"""The canary strategy on paper: its steps, up and back, and what it says while it waits."""

from releases.states import Phase
from tests.releases.rollout.canary_paper import CANARY, CanaryPaper, failing

WEIGHTS = ["agent-service 5 %", "agent-service 25 %", "agent-service 50 %", "agent-service 100 %"]


def test_a_good_release_goes_up_step_by_step_and_is_promoted() -> None:
    paper = CanaryPaper()
    assert paper.run(60).phase is Phase.SUCCEEDED
    assert paper.log == [
        "agent-service 0 %", "apply agent-service-canary 1",
        "scale agent-service-canary 1", "agent-service 5 %",
        "scale agent-service-canary 1", "agent-service 25 %",
        "scale agent-service-canary 2", "agent-service 50 %",
        "scale agent-service-canary 4", "agent-service 100 %",
        "apply agent-service 4", "agent-service 0 %",
        "remove Deployment agent-service-canary", "remove Service agent-service-canary", "agent-service at rest",
    ]  # fmt: skip


def test_a_failing_metric_takes_all_requests_off_in_the_same_pass() -> None:
    paper = CanaryPaper()
    paper.run(60, until=lambda: paper.label().startswith("25 %"))
    paper.sampled = failing
    before = paper.facts.now
    paper.run(60, until=lambda: paper.state.track == "back")
    measured = next(record for record in paper.records if record.state == "failed")
    assert "success-rate failed: 62 %, below 99 %" in measured.why
    assert paper.facts.now - before <= 4
    at = paper.log.index("agent-service 25 %")
    assert paper.log[at + 1] == "agent-service 0 %"
    assert paper.phases[-1] is Phase.ROLLED_BACK
    assert "apply agent-service 4" not in paper.log
    assert f"remove Deployment {CANARY.name}" in paper.log
