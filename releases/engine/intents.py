"""What a person's word does to a rollout under way. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from releases.engine.facts import Facts, Memory
from releases.engine.state import OUTLIVING, Move, Record, State
from releases.states import Phase


@dataclass(frozen=True)
class Turn:
    """The state and phases after the word, and which steps that leaves behind."""

    state: State
    moves: tuple[Move, ...] = ()
    records: tuple[Record, ...] = ()


def turn(state: State, facts: Facts, steps: int) -> Turn:
    """The turn that the intent asks for; one that no longer fits changes nothing. `steps`: of the track."""
    take = TURNS.get(facts.intent)
    return take(state, facts, steps) if take else Turn(state)


def pause(state: State, facts: Facts, _steps: int) -> Turn:
    if facts.phase not in (Phase.PROGRESSING, Phase.VERIFYING):
        return Turn(state)
    return Turn(state, (Move(Phase.PAUSED, f"Paused by {facts.intent_by}."),))


def resume(state: State, facts: Facts, _steps: int) -> Turn:
    """Goes on. The step's objects are applied anew, without the halt, also where its record was lost in a crash."""
    if facts.phase is not Phase.PAUSED:
        return Turn(state)
    memory = {name: kept for name, kept in state.memory.items() if name not in ("applied", "halted", "asked")}
    if "asked" in state.memory:
        memory["answered"] = True
    return Turn(replace(state, memory=memory), (Move(Phase.PROGRESSING, f"Resumed by {facts.intent_by}."),))


def promote(state: State, facts: Facts, steps: int) -> Turn:
    """Skips what the step at work waits for, not what it checks."""
    turned = resume(state, facts, steps)
    memory = {**turned.state.memory, "promoted": True}
    return replace(turned, state=replace(turned.state, memory=memory))


def promote_fully(state: State, facts: Facts, steps: int) -> Turn:
    """Skips every wait and every check from here on."""
    turned = resume(state, facts, steps)
    return replace(turned, state=replace(turned.state, fully=True))


def retry(state: State, facts: Facts, _steps: int) -> Turn:
    """Takes up the failed step, of whichever track, with nothing remembered against it."""
    memory = _outliving(state)
    fresh = replace(state, memory=memory, spent=0.0, started=None, tries=state.tries + 1)
    if state.track == "back" and facts.phase is Phase.PROGRESSING:
        return Turn(fresh, (Move(Phase.ROLLING_BACK, f"Taken up again by {facts.intent_by}."),))
    return Turn(fresh)


def abort(state: State, facts: Facts, steps: int) -> Turn:
    return go_back(state, facts, steps, Phase.ABORTING, f"Aborted by {facts.intent_by}.")


def roll_back(state: State, facts: Facts, steps: int) -> Turn:
    return go_back(state, facts, steps, Phase.ROLLING_BACK, f"Rolled back by {facts.intent_by}.")


def go_back(state: State, facts: Facts, steps: int, phase: Phase, why: str) -> Turn:
    """To the beginning of the way back; one that failed half-way there is taken up where it stopped."""
    moves = () if facts.phase is phase else (Move(phase, why),)
    if state.track == "back":
        return Turn(retry(state, replace(facts, phase=phase), steps).state, moves)
    left = tuple(
        Record("forward", index, "skipped", why, finished=facts.now, tries=state.tries)
        for index in range(state.index, steps)
        if not (index == state.index and _failed(state))
    )
    memory = _outliving(state)
    return Turn(State(track="back", at=facts.now, memory=memory, written=state.written, reason=why), moves, left)


def _outliving(state: State) -> Memory:
    return {name: state.memory[name] for name in OUTLIVING if state.memory.get(name)}


def _failed(state: State) -> bool:
    """Whether the step at work has its end on record already."""
    return bool(state.memory.get("failed"))


TURNS: Mapping[str, Callable[[State, Facts, int], Turn]] = {
    "pause": pause,
    "resume": resume,
    "promote": promote,
    "promote fully": promote_fully,
    "retry": retry,
    "abort": abort,
    "roll back": roll_back,
}
