"""Decides what a work under way does next. Pure: no database, no clock, no network.

`decide` says what to do and what to record; whoever does it gives the outcomes to `absorb` and asks again, until
there is nothing to do but to wait.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from portal.steps.clocks import attended
from portal.steps.flow import Decision, Flow
from portal.steps.intents import IntentContext, go_back, turn
from portal.steps.operations import Outcome, Result
from portal.steps.phases import Position
from portal.steps.retries import Patience, with_trouble, without_trouble
from portal.steps.state import Move, State, StepChange
from portal.steps.step import FactsT, ViewT, WorkT
from portal.steps.walk import Walk


def decide(flow: Flow[WorkT, FactsT, ViewT], state: State, work: WorkT, facts: FactsT) -> Decision:
    """The next thing to do for a work under way, by the plan of the state's track."""
    position = flow.phases.position(facts.phase)
    state = attended(state, facts.now, counts=position is not Position.PAUSED)
    ground = IntentContext(flow.phases, facts, len(work.steps), flow.anew)
    if facts.intent:
        return _turned(state, ground)
    if position is Position.GOING_BACK and state.track == "forward":
        back = go_back(state, replace(ground, steps=0), facts.phase, "").state
        return Decision(back, facts.phase, due_in=0.0, again=True)
    walk = Walk(flow, state, work, facts)
    return walk.hold() if position is Position.PAUSED else walk.go()


def _turned(state: State, ground: IntentContext) -> Decision:
    turned = turn(state, ground)
    phase = turned.moves[-1].phase if turned.moves else ground.facts.phase
    return Decision(turned.state, phase, moves=turned.moves, steps=turned.steps, due_in=0.0, again=True)


def absorb(flow: Flow[WorkT, FactsT, ViewT], state: State, outcomes: Iterable[Outcome], now: float) -> State:
    """The state that remembers what came of the operations of one round, which went side by side."""
    found = tuple(outcomes)
    written = {each.operation.key for each in found if _noted(state, each, now) is not None}
    for outcome in found:
        # A look that went beside the write may be from before it.
        if outcome.operation.writes or outcome.operation.key not in written:
            state = _absorbed(flow.patience, state, outcome, now)
    return state


def _absorbed(patience: Patience, state: State, outcome: Outcome, now: float) -> State:
    operation = outcome.operation
    slot = state.memory.get(operation.slot) or {}
    result = operation.remembered(slot.get(operation.key) or {}, outcome, now)
    if outcome.trouble and result is None:
        errors = with_trouble(state.errors, operation, outcome.trouble, now, patience)
        return replace(state, errors=errors)
    memory = {**state.memory, operation.slot: {**slot, operation.key: dict(result or {})}}
    errors = without_trouble(state.errors, operation)
    taken = replace(state, memory=memory, errors=errors, outputs=_outputs(state, outcome))
    return _written(taken, outcome, now).with_records(outcome.records)


def _written(state: State, outcome: Outcome, now: float) -> State:
    """With what the operation has to note of what it wrote; what was looked at before it is forgotten."""
    key, noted = outcome.operation.key, _noted(state, outcome, now)
    if noted is None:
        return state
    outdated = [name for name in outcome.operation.outdates if key in (state.memory.get(name) or {})]
    looks = {name: _without(state.memory[name], key) for name in outdated}
    return replace(state, written={**state.written, key: noted}, memory={**state.memory, **looks})


def _noted(state: State, outcome: Outcome, now: float) -> Result | None:
    operation = outcome.operation
    return None if outcome.trouble else operation.written(state.written.get(operation.key), outcome.result, now)


def _without(slot: Mapping[str, Result], key: str) -> dict[str, Result]:
    return {name: result for name, result in slot.items() if name != key}


def _outputs(state: State, outcome: Outcome) -> Mapping[str, Mapping[str, str]]:
    slot, key = outcome.operation.slot, outcome.operation.key
    said = {name: text for name, text in state.outputs.get(slot, {}).items() if name != key}
    said |= {key: outcome.output} if outcome.output else {}
    return {**state.outputs, slot: said} if said else {name: s for name, s in state.outputs.items() if name != slot}


def give_up(flow: Flow[WorkT, FactsT, ViewT], state: State, facts: FactsT, why: str) -> Decision:
    """Ends a work whose passes only fail, whatever the step at work says."""
    now = facts.now
    change = StepChange(state.track, state.index, "failed", why, state.started or now, now, state.tries)
    move = Move(flow.phases.failed, f"{flow.wording.given_up}: {why}")
    failed = replace(state, failed=True)
    return Decision(failed, move.phase, move.why, moves=(move,), steps=(change,), due_in=None)
