"""What a person's word does to a work under way. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from portal.steps.phases import Phases, Position, Return
from portal.steps.state import Move, State, StepChange
from portal.steps.step import BaseFacts


class Intent(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    PROMOTE_FULLY = "promote-fully"
    RETRY = "retry"
    ABORT = "abort"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class IntentContext:
    """Where the word finds the work. `steps`: how many the track has; `anew`: as in `Flow`."""

    phases: Phases
    facts: BaseFacts
    steps: int
    anew: frozenset[str] = frozenset()

    @property
    def position(self) -> Position:
        return self.phases.position(self.facts.phase)


@dataclass(frozen=True)
class Turn:
    """The state and phases after the word, and which steps that leaves behind."""

    state: State
    moves: tuple[Move, ...] = ()
    steps: tuple[StepChange, ...] = ()


def turn(state: State, ground: IntentContext) -> Turn:
    """The turn that the intent asks for; one that no longer fits, or that is for others, changes nothing."""
    take = TURNS.get(ground.facts.intent)
    return take(state, ground) if take else Turn(state)


def pause(state: State, ground: IntentContext) -> Turn:
    if ground.position is not Position.RUNNING:
        return Turn(state)
    return Turn(state, (Move(ground.phases.paused, f"Paused by {ground.facts.intent_by}."),))


def resume(state: State, ground: IntentContext) -> Turn:
    """Goes on. What was made to stand still is done anew, also where the record of that was lost in a crash."""
    if ground.position is not Position.PAUSED:
        return Turn(state)
    memory = {name: result for name, result in state.memory.items() if name not in ground.anew}
    going = replace(state, memory=memory, asked="", answered=state.answered or bool(state.asked))
    return Turn(going, (Move(ground.phases.running, f"Resumed by {ground.facts.intent_by}."),))


def promote(state: State, ground: IntentContext) -> Turn:
    """Skips what the step at work waits for, not what it checks."""
    turned = resume(state, ground)
    return replace(turned, state=replace(turned.state, promoted=True))


def promote_fully(state: State, ground: IntentContext) -> Turn:
    """Skips every wait and every check from here on."""
    turned = resume(state, ground)
    return replace(turned, state=replace(turned.state, fully=True))


def retry(state: State, ground: IntentContext) -> Turn:
    """Takes up the failed step, of whichever track, with nothing remembered against it."""
    fresh = state.fresh(tries=state.tries + 1)
    if state.track == "back" and ground.position is Position.RUNNING:
        phase = ground.phases.rollback.under_way
        return Turn(fresh, (Move(phase, f"Taken up again by {ground.facts.intent_by}."),))
    return Turn(fresh)


def abort(state: State, ground: IntentContext) -> Turn:
    return _by_word(state, ground, ground.phases.abort)


def rollback(state: State, ground: IntentContext) -> Turn:
    return _by_word(state, ground, ground.phases.rollback)


def _by_word(state: State, ground: IntentContext, way: Return) -> Turn:
    return go_back(state, ground, way.under_way, f"{way.told} by {ground.facts.intent_by}.")


def go_back(state: State, ground: IntentContext, phase: str, why: str) -> Turn:
    """To the beginning of the way back; one that failed half-way there is taken up where it stopped."""
    moves = () if ground.facts.phase == phase else (Move(phase, why),)
    if state.track == "back":
        return Turn(state.fresh(tries=state.tries + 1), moves)
    back = state.fresh(track="back", index=0, tries=1, fully=False, reason=why, at=ground.facts.now)
    return Turn(back, moves, _left_behind(state, ground, why))


def _left_behind(state: State, ground: IntentContext, why: str) -> tuple[StepChange, ...]:
    first = state.index + 1 if state.failed else state.index
    now = ground.facts.now
    return tuple(
        StepChange("forward", index, "skipped", why, finished=now, tries=state.tries)
        for index in range(first, ground.steps)
    )


TURNS: Mapping[str, Callable[[State, IntentContext], Turn]] = {
    Intent.PAUSE: pause,
    Intent.RESUME: resume,
    Intent.PROMOTE: promote,
    Intent.PROMOTE_FULLY: promote_fully,
    Intent.RETRY: retry,
    Intent.ABORT: abort,
    Intent.ROLLBACK: rollback,
}
