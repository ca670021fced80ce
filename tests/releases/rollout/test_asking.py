"""Steps that ask a person, that are looked after in a pause, and whose failure takes requests back at once."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from portal.steps.operations import Operation, Record
from portal.steps.state import Placed
from portal.steps.step import Notes
from portal.steps.verdicts import Ask, Done, Fail, Judgement, Wait
from releases.engine.facts import View
from releases.engine.operations import Read
from releases.engine.steps import RolloutStep
from releases.states import Phase
from releases.strategies.shared.verify import VerifyStep
from tests.releases.rollout.paper import WEB, Paper, plan_of


@dataclass(frozen=True)
class Level(Record):
    level: int | None


@dataclass(frozen=True)
class GaugeStep(RolloutStep):
    """Reads a number out of an object and judges it: nothing is inconclusive, more than 9 fails."""

    kind: ClassVar[str] = "test-gauge"
    guards: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    def remember(self, view: View) -> Notes:
        found = view.slot("read").get(WEB.key)
        if view.answered or found is None:
            return Notes({**view.memory, "level": None}, view.kept)
        level = (found["object"] or {}).get("level")
        memory = {**view.memory, "read": {}, "level": level, "seen": True, "last": view.facts.now}
        return Notes(memory, {"level": level}, (Level(level),))

    def operations(self, view: View) -> tuple[Operation, ...]:
        return () if view.memory.get("seen") and not self._due(view) else (Read(WEB),)

    def verdict(self, view: View) -> Judgement:
        level = view.memory.get("level")
        if alarm := self.alarm(view):
            return alarm
        if view.promoted:
            return Done("promoted")
        return Ask("no request was measured") if level is None else Wait("measuring", 5.0)

    def guard(self, view: View) -> tuple[Operation, ...]:
        return (Read(WEB),) if self._due(view) else ()

    def standing(self, view: View) -> str:
        return f"the level is {view.memory['level']}" if view.memory.get("level") is not None else ""

    def alarm(self, view: View) -> Fail | None:
        level = view.memory.get("level")
        return Fail(f"{level} is more than 9") if level is not None and level > 9 else None

    def _due(self, view: View) -> bool:
        return bool(view.memory.get("last", 0.0) < view.facts.now)


def paper_at(level: Any) -> Paper:
    plan = plan_of(WEB)
    plan["steps"] = [GaugeStep("25 %", settings={"weight": 25}).to_json(), VerifyStep("Read back").to_json()]
    paper = Paper(plan)
    paper.read[WEB.key] = {"level": level}
    return paper


def test_a_step_is_stored_with_what_the_strategy_gave_it() -> None:
    stored = GaugeStep("25 %", (0,), {"weight": 25}).to_json()
    assert stored == {"kind": "test-gauge", "label": "25 %", "objects": [0], "settings": {"weight": 25}}
    assert "settings" not in GaugeStep("25 %").to_json()


def test_what_cannot_be_told_pauses_and_asks() -> None:
    decision = paper_at(None).go()
    assert decision.phase is Phase.PAUSED
    assert decision.why == "no request was measured. It goes on when somebody resumes or promotes it."
    assert decision.due_in == 2.0


def test_resuming_asks_the_world_again_and_promoting_goes_on() -> None:
    paper = paper_at(None)
    paper.go()
    assert paper.say("resume").phase is Phase.PAUSED
    assert paper.say("promote").phase is Phase.SUCCEEDED


def test_promoting_skips_no_check() -> None:
    paper = paper_at(3)
    assert paper.go().phase is Phase.PROGRESSING
    paper.read[WEB.key] = {"level": 12}
    paper.facts = replace(paper.facts, now=paper.facts.now + 1)
    assert paper.say("promote").phase is Phase.ROLLED_BACK


def test_a_failure_that_requests_depend_on_goes_back_at_once_whatever_the_environment_says() -> None:
    paper = paper_at(12)
    assert paper.go().phase is Phase.ROLLED_BACK
    assert paper.phases == [Phase.PROGRESSING, Phase.FAILED, Phase.ROLLING_BACK, Phase.ROLLED_BACK]
    assert paper.records[1].why == "12 is more than 9"


def test_a_paused_step_is_looked_after_and_its_alarm_ends_the_pause() -> None:
    paper = paper_at(3)
    paper.go()
    paper.say("pause")
    assert paper.later(2.0).why == "Paused in “25 %”; it goes on when somebody resumes it. the level is 3."
    assert paper.facts.phase is Phase.PAUSED
    paper.read[WEB.key] = {"level": 12}
    assert paper.later(2.0).phase is Phase.ROLLED_BACK


def test_measurements_carry_the_number_of_their_step_and_outlive_it() -> None:
    paper = paper_at(3)
    paper.go()
    assert paper.on_record == [Placed("forward", 0, Level(3))]
    paper.later(1.0)
    paper.say("promote")
    assert {placed.index for placed in paper.on_record} == {0}
    assert paper.state.kept == {"level": 3}


def test_promoting_fully_is_remembered_to_the_end() -> None:
    paper = paper_at(None)
    paper.go()
    assert paper.say("promote-fully").phase is Phase.SUCCEEDED
    assert paper.state.fully
