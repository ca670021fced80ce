"""Canaries at the edges: of workloads without pods."""

from dataclasses import replace
from typing import Any

import pytest

from portal.steps.operations import Trouble
from releases.states import Phase
from tests.releases.rollout.canary_paper import AGENT, CANARY, CanaryPaper, bundle


def without_pods() -> list[dict[str, Any]]:
    manifests = bundle()
    for each in manifests:
        if each["kind"] == "Deployment":
            each["spec"]["replicas"] = 0
    return manifests


def test_a_workload_that_wants_no_pods_does_not_wait_for_them_before_its_requests_come_back() -> None:
    paper = CanaryPaper(without_pods())
    assert paper.run(60).phase is Phase.SUCCEEDED
    assert paper.log[-4:] == [
        "agent-service 0 %", "remove Deployment agent-service-canary", "remove Service agent-service-canary",
        "agent-service at rest",
    ]  # fmt: skip


def test_requests_do_not_come_back_to_pods_that_somebody_took_away(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = CanaryPaper()
    monkeypatch.setattr(paper, "_wanted_replicas", lambda operation: 0 if operation.ref == AGENT else 4)
    decision = paper.run(40)
    assert decision.phase is Phase.PROGRESSING
    assert decision.why == "agent-service: 0 of 4 stable pods can take requests, 100 % still on the canary"


def test_what_was_made_for_a_canary_that_could_not_be_created_goes_again() -> None:
    paper = CanaryPaper()
    paper.broken[CANARY.key] = Trouble("user", "exceeded quota: count/deployments.apps=1")
    assert paper.run(60).phase is Phase.FAILED
    paper.broken.clear()
    paper.facts = replace(paper.facts, phase=Phase.ROLLING_BACK)
    paper.phases.append(Phase.ROLLING_BACK)
    paper.say("rollback")
    assert paper.run(60).phase is Phase.ROLLED_BACK
    assert paper.log[:2] == ["agent-service 0 %", "agent-service 0 %"]
    assert paper.log[-1] == "agent-service at rest"


def test_a_canary_keeps_its_pods_at_the_next_weight_though_somebody_has_shrunk_stable() -> None:
    paper = CanaryPaper()
    paper.run(60, until=lambda: paper.label().startswith("50 %"))
    paper.run(5)
    had = paper.replicas(CANARY)
    paper.size(AGENT, 1)
    paper.run(60, until=lambda: paper.label().startswith("100 %"))
    paper.run(2)
    assert had == 2
    assert paper.replicas(CANARY) >= had


def test_a_router_that_takes_every_write_up_late_is_looked_at_again() -> None:
    paper = CanaryPaper(testersHeader="x-early", weights=[5, 100])
    paper.late = 3
    paper.run(30, until=lambda: paper.phases[-1] is Phase.PAUSED)
    assert paper.last.why.startswith("Requests with the header x-early: always get 1.1.0")
    paper.say("promote")
    assert paper.run(90).phase is Phase.SUCCEEDED
