"""The known pains of canaries elsewhere, each by its name. Those that need a cluster are in test_pains_live.py."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from environments.kube.names import TRAFFIC
from releases.engine.facts import Look
from releases.engine.operations import Apply, Scale
from releases.errors import PlanRefused
from releases.states import Phase
from releases.strategies import find
from releases.strategies.shared.traffic_operations import Measure
from tests.environments.kube.traffic import documents
from tests.releases.rollout.canary_paper import (
    AGENT,
    CANARY,
    NAMESPACE,
    CanaryPaper,
    arranging,
    autoscaler,
    bundle,
    failing,
    healthy,
)

BACK = "agent-service 0 %"


def at(label: str, paper: CanaryPaper | None = None, **parameters: Any) -> CanaryPaper:
    """A rollout in the middle of a step."""
    paper = paper or CanaryPaper(**parameters)
    paper.run(120, until=lambda: paper.label().startswith(label) and bool(paper.state.memory.get("since")))
    assert paper.label().startswith(label)
    return paper


def touched(paper: CanaryPaper, *kinds: type) -> list[Any]:
    """What was done to the stable Deployment."""
    return [operation for operation in paper.done if isinstance(operation, kinds) and operation.key == AGENT.key]


def test_a_new_version_arrives_in_the_middle_of_a_canary() -> None:
    """Stable keeps its size all the way, so that the requests that come back for the next one find it."""
    paper = at("100 %", CanaryPaper(bundle(autoscaler())))
    assert paper.minimum == 4
    paper.log.clear()
    assert paper.say("abort").phase is Phase.ABORTED
    assert paper.log[0] == BACK
    assert paper.log[-1] == "floor given back"
    assert paper.replicas(AGENT) == 4
    assert touched(paper, Apply, Scale) == []


def test_abort_with_nothing_in_progress_must_not_scale_stable() -> None:
    paper = CanaryPaper()
    assert paper.say("abort").phase is Phase.ABORTED
    assert touched(paper, Apply, Scale) == []
    assert not any("%" in words for words in paper.log)
    assert paper.replicas(AGENT) == 4


def test_abort_does_not_scale_down_a_stable_that_somebody_has_scaled_up() -> None:
    paper = at("25 %")
    paper.size(AGENT, 9)
    assert paper.say("abort").phase is Phase.ABORTED
    assert paper.replicas(AGENT) == 9


def test_an_autoscaler_scales_stable_during_the_canary() -> None:
    paper = at("25 %", CanaryPaper(bundle(autoscaler())))
    assert (paper.replicas(CANARY), paper.minimum) == (1, 4)
    paper.size(AGENT, 8)
    paper.later(1.0)
    assert (paper.replicas(CANARY), paper.minimum) == (2, 8)
    paper.run(60)
    assert paper.phases[-1] is Phase.SUCCEEDED
    assert "scale agent-service-canary 8" in paper.log
    assert "apply agent-service 8" in paper.log
    assert paper.minimum is None


def test_stable_itself_is_bad_and_the_way_forward_stays_open() -> None:
    paper = CanaryPaper()
    paper.size(AGENT, 4, ready=0)
    assert paper.run(60).phase is Phase.SUCCEEDED


def test_stable_is_bad_and_a_person_lets_the_fix_go_on_at_once() -> None:
    paper = at("5 %", interval=600)
    paper.size(AGENT, 4, ready=0)
    paper.say("promote-fully")
    assert paper.phases[-1] is Phase.SUCCEEDED
    assert "agent-service 25 %" not in paper.log
    assert paper.log.index("scale agent-service-canary 4") < paper.log.index("agent-service 100 %")


def few(operation: Measure) -> Mapping[str, Any]:
    return {**healthy(operation), "requests": 2.0}


def not_a_number(operation: Measure) -> Mapping[str, Any]:
    return {**healthy(operation), "canary": "nan"}


def nothing(operation: Measure) -> Mapping[str, Any]:
    return {**healthy(operation), "canary": None}


@pytest.mark.parametrize("doubt", [few, not_a_number, nothing])
def test_inconclusive_is_not_promoted(doubt: Any) -> None:
    paper = at("25 %")
    paper.sampled = doubt
    decision = paper.run(300, until=lambda: paper.phases[-1] is Phase.PAUSED)
    assert decision.phase is Phase.PAUSED
    assert "was inconclusive 3 times in a row" in decision.why
    assert paper.weights["agent-service"] == 25
    paper.say("promote")
    paper.run(300, until=lambda: paper.phases[-1] is Phase.PAUSED)
    assert paper.phases[-1] is Phase.PAUSED
    assert "agent-service 50 %" not in paper.log
    paper.sampled = healthy
    paper.say("resume")
    assert paper.run(60).phase is Phase.SUCCEEDED


def test_failed_analysis_really_stops() -> None:
    paper = at("25 %")
    paper.sampled = failing
    paper.run(30)
    assert paper.phases == [Phase.PROGRESSING, Phase.FAILED, Phase.ROLLING_BACK, Phase.ROLLED_BACK]
    assert paper.weights["agent-service"] == 0
    assert not any(f"agent-service {weight} %" in paper.log for weight in (50, 100))
    assert touched(paper, Apply, Scale) == []


def test_failed_analysis_stops_a_canary_that_is_paused() -> None:
    paper = at("25 %")
    paper.say("pause")
    paper.sampled = failing
    paper.run(30)
    assert paper.phases[-1] is Phase.ROLLED_BACK


def test_a_prometheus_that_is_down_is_neither_promoted_nor_taken_back() -> None:
    paper = at("25 %")
    paper.sampled = lambda _action: {"error": "Prometheus does not answer.", "transient": True}
    decision = paper.run(300, until=lambda: paper.phases[-1] is Phase.PAUSED)
    assert "could not be measured 4 times in a row: Prometheus does not answer." in decision.why
    assert paper.weights["agent-service"] == 25


def test_abort_removes_what_it_made() -> None:
    paper = at("50 %")
    paper.log.clear()
    paper.say("abort")
    assert paper.phases[-1] is Phase.ABORTED
    removed = [words for words in paper.log if words.startswith("remove")]
    assert removed == [
        "remove Deployment agent-service-canary", "remove Service agent-service-canary", removed[-1],
    ]  # fmt: skip
    assert removed[-1].startswith("remove ConfigMap settings-")
    assert paper.log[0] == BACK
    assert paper.log[-1] == "agent-service at rest"


def test_a_person_edits_the_virtual_service() -> None:
    paper = at("25 %", interval=60)
    paper.edit(90)
    decision = paper.run(7)
    assert (paper.weights["agent-service"], paper.managers["agent-service"]) == (25, TRAFFIC)
    assert "kubectl-edit had set 90 % on VirtualService" in decision.why
    paper.edit(80)
    decision = paper.run(12, until=lambda: paper.phases[-1] is Phase.PAUSED)
    assert decision.phase is Phase.PAUSED
    assert "has 80 % instead of 25 %, for the second time; the field manager is kubectl-edit." in decision.why
    assert paper.weights["agent-service"] == 80
    paper.say("resume")
    assert paper.weights["agent-service"] == 25


def test_traffic_returns_to_a_shrunken_stable() -> None:
    """Promoted, requests go back only as fast as stable's ready pods can take them."""
    paper = at("100 %")
    paper.stuck.add(AGENT.key)
    paper.run(60, until=lambda: paper.label().startswith("Promote"))
    for ready, left in ((1, 100), (2, 100), (4, 0)):
        paper.size(AGENT, 4, ready=ready)
        paper.later(1.0)
        assert paper.weights["agent-service"] == left
    assert paper.phases[-1] is Phase.SUCCEEDED


@pytest.mark.parametrize(("ready", "left"), [(0, 100), (1, 75), (3, 25), (4, 0)])
def test_requests_go_back_by_the_share_of_stable_that_is_ready(ready: int, left: int) -> None:
    paper = at("100 %")
    labels = [step["label"] for step in paper.tracks["forward"].steps]
    written = {**paper.state.written, AGENT.key: {"uid": f"uid-{AGENT.name}", "generation": 1, "at": 0.0}}
    index = labels.index("Requests back to agent-service")
    paper.state = replace(paper.state, index=index, memory={}, started=None, written=written)
    paper.size(AGENT, 4, ready=ready)
    paper.go()
    assert paper.weights["agent-service"] == left


def test_a_stable_that_somebody_has_shrunk_gets_its_size_back_when_requests_do() -> None:
    paper = at("100 %")
    paper.size(AGENT, 1)
    paper.say("abort")
    assert "scale agent-service 4" in paper.log


def test_the_portal_is_down_for_ten_minutes_in_the_middle_and_carries_on_right() -> None:
    paper = at("25 %")
    before = len(paper.records)
    paper.later(600.0)
    assert paper.label().startswith("25 %") or len(paper.records) > before
    assert paper.phases[-1] is Phase.PROGRESSING
    assert paper.run(60).phase is Phase.SUCCEEDED


def test_what_is_bad_when_the_portal_comes_back_is_found_before_anything_goes_on() -> None:
    paper = at("25 %")
    paper.sampled = failing
    paper.later(600.0)
    paper.run(10)
    assert paper.phases[-1] is Phase.ROLLED_BACK
    assert "agent-service 50 %" not in paper.log


def test_the_namespaces_quota_is_exhausted_in_mid_step() -> None:
    paper = at("25 %")
    paper.stuck.add(CANARY.key)
    problems = [{"words": "exceeded quota: few", "fatal": True}]
    paper.pods[CANARY.key] = {"problems": problems, "summary": "exceeded quota: few", "freed": []}
    paper.run(90)
    assert paper.phases[-1] is Phase.ROLLED_BACK
    failed = next(record for record in paper.records if record.state == "failed")
    assert "exceeded quota: few" in failed.why
    assert "agent-service 50 %" not in paper.log


def test_the_routers_crd_is_missing() -> None:
    given = arranging(bundle(), knows=lambda _version, kind: kind != "VirtualService")
    with pytest.raises(PlanRefused, match=r"the cluster does not know VirtualService .* definitions .CRDs. of Istio"):
        find("canary").arrange(given)


def test_two_canaries_on_one_host_are_refused_with_a_reason() -> None:
    host = f"agent-service.{NAMESPACE}"
    given = arranging(bundle(), taken=lambda asked: "rollout 7 (shop 1.1.0)" if asked == host else "")
    with pytest.raises(PlanRefused, match=rf"rollout 7 .shop 1.1.0. moves the requests of {host} at the moment"):
        find("canary").arrange(given)


def test_a_canary_ingress_of_somebody_else_at_the_same_place_is_refused_with_a_reason() -> None:
    mine = bundle(routes=documents.INGRESS)
    foreign = documents.read(documents.INGRESS)[0]
    annotations = {"nginx.ingress.kubernetes.io/canary": "true"}
    foreign = {**foreign, "metadata": {"name": "by-hand", "namespace": "other", "annotations": annotations}}
    with pytest.raises(PlanRefused, match=r"by-hand is a canary at api\.aiworkflow\.com/api/agents already"):
        find("canary").arrange(arranging(mine, listed=lambda *_place: [foreign]))


def test_a_clock_that_was_put_back_holds_nothing_up() -> None:
    paper = at("25 %")
    paper.facts = replace(paper.facts, now=paper.facts.now - 600)
    paper.world = {key: Look(look.object, paper.facts.now, look.uid) for key, look in paper.world.items()}
    assert paper.run(60).phase is Phase.SUCCEEDED
