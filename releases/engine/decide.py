"""Decides what a running rollout does next. Pure: no database, no clock, no network.

`decide` says what to do and what to record; whoever does it gives the outcomes to `absorb` and asks again, until
there is nothing to do but to wait.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from environments.kube.status.workload import workload_status
from releases.engine.facts import Facts, Memory, View, Work
from releases.engine.intents import go_back, turn
from releases.engine.operations import Apply, Diagnose, Halt, Operation, Outcome, Read, Scale
from releases.engine.program_output import said_of
from releases.engine.retries import ready, remember_trouble, troubled
from releases.engine.state import ATTENDED, Move, Record, State, set_back
from releases.engine.steps import HEARTBEAT, Ask, Done, Fail, Step, Wait
from releases.states import Phase
from releases.strategies import step_of

BACK = frozenset({Phase.ROLLING_BACK, Phase.ABORTING})
GUARDED = 2.0  # seconds between two looks after a step that is paused and yet serves requests
SKEW = 5.0  # seconds by which the clocks of two hosts may differ
END = {Phase.ROLLING_BACK: Phase.ROLLED_BACK, Phase.ABORTING: Phase.ABORTED}


@dataclass(frozen=True)
class Decision:
    """`operations`: to be done before anything is decided again. `due_in`: seconds, None where it has ended.

    `again`: the track has changed, so decide again with its plan. `moves`: phases in their order.
    """

    state: State
    phase: Phase
    why: str = ""
    operations: tuple[Operation, ...] = ()
    moves: tuple[Move, ...] = ()
    records: tuple[Record, ...] = ()
    due_in: float | None = HEARTBEAT
    again: bool = False


def decide(state: State, work: Work, facts: Facts) -> Decision:
    """The next thing to do for a rollout in a live phase, by the plan of the state's track."""
    state = _attend(state, facts)
    if facts.intent:
        turned = turn(state, facts, len(work.steps))
        phase = turned.moves[-1].phase if turned.moves else facts.phase
        return Decision(turned.state, phase, moves=turned.moves, records=turned.records, due_in=0.0, again=True)
    if facts.phase in BACK and state.track == "forward":
        state = go_back(state, facts, 0, facts.phase, "").state
        return Decision(state, facts.phase, due_in=0.0, again=True)
    if facts.phase is Phase.PAUSED:
        return _hold(state, work, facts)
    return _Walk(state, work, facts).go()


def _attend(state: State, facts: Facts) -> State:
    gap = facts.now - (state.at if state.at is not None else facts.now)
    if gap < -SKEW:
        # The clock was put back: what the state has in the future now would hold the rollout up until then.
        state = State.from_json(set_back(state.to_json(), -gap))
    counts = 0 <= gap <= ATTENDED and facts.phase is not Phase.PAUSED
    return replace(state, at=facts.now, spent=state.spent + (gap if counts else 0.0))


def _view(state: State, work: Work, facts: Facts) -> View:
    return View(work, facts, state.memory, state.spent, state.written, state.fully)


def _remembered(state: State, step: Step, view: View) -> State:
    """After the step has taken in what it sees; what it measured is noted as its own."""
    memory = step.remember(view)
    if points := memory.get("points"):
        memory = {**memory, "points": [{"index": state.index, **point} for point in points]}
    return replace(state, memory=memory)


def _hold(state: State, work: Work, facts: Facts) -> Decision:
    """Paused: nothing new begins, Deployments under way stand still where they are, and the step is looked after."""
    step = step_of(work.steps[state.index])
    state = _remembered(state, step, _view(state, work, facts))
    view = _view(state, work, facts)
    if alarm := step.alarm(view):
        return _Walk(state, work, facts).fail(alarm)
    halts, trouble = ready(view, (*_halts(view, step), *step.guard(view))), troubled(view)
    if halts and not isinstance(trouble, Fail):
        return Decision(state, facts.phase, operations=halts)
    why = _paused(state, step, view)
    if isinstance(trouble, Wait | Fail):
        return Decision(state, facts.phase, f"{why} Standing still is not sure: {trouble.why}", due_in=5.0)
    due_in = GUARDED if step.guards else HEARTBEAT
    return Decision(state, facts.phase, why, due_in=due_in)


def _paused(state: State, step: Step, view: View) -> str:
    """Why it is paused, what stands meanwhile, and how it goes on."""
    standing = step.standing(view)
    stands = f" {standing}." if standing else ""
    if asked := state.memory.get("asked"):
        return f"{_sentence(asked)}{stands} It goes on when somebody resumes or promotes it."
    return f"Paused in “{step.label}”; it goes on when somebody resumes it.{stands}"


def _sentence(words: str) -> str:
    return words if words.endswith((".", "?", "!")) else f"{words}."


def _halts(view: View, step: Step) -> tuple[Operation, ...]:
    applied, halted = view.slot("applied"), view.slot("halted")
    going = [t for t in step.targets(view) if t.key in applied and t.key not in halted and t.ref.kind == "Deployment"]
    looks = ((target, view.look(target.key)) for target in going)
    return tuple(
        Halt(target.ref, target.index)
        for target, look in looks
        if look is None
        or look.object is None
        or workload_status(look.object, generation=view.written[target.key]["generation"]).state != "done"
    )


class _Walk:
    """One walk along the steps, as far as they are done."""

    def __init__(self, state: State, work: Work, facts: Facts) -> None:
        self.state, self.work, self.facts = state, work, facts
        self.phase = facts.phase
        self.moves: list[Move] = []
        self.records: list[Record] = []

    def go(self) -> Decision:
        while self.state.index < len(self.work.steps):
            step = step_of(self.work.steps[self.state.index])
            self._enter(step)
            decision = self._stay(step)
            if decision:
                return decision
        return self._end(END.get(self.phase, Phase.SUCCEEDED), self.state.reason)

    def _enter(self, step: Step) -> None:
        if self.state.started is None:
            self.state = replace(self.state, started=self.facts.now)
            self._record("running")
        if step.kind == "verify" and self.phase not in BACK | {Phase.VERIFYING}:
            self._move(Phase.VERIFYING, "Everything is applied; reading it back.")
        self.state = _remembered(self.state, step, self._view())

    def _stay(self, step: Step) -> Decision | None:
        """The decision where the step is not done; None, one further, where it is."""
        view = self._view()
        trouble = troubled(view)
        if isinstance(trouble, Fail):
            return self.fail(trouble)
        if operations := ready(view, step.operations(view)):
            return self._decision("", operations)
        if trouble:
            return self._decision(trouble.why, due_in=trouble.due_in)
        match step.verdict(view):
            case Wait(why, due_in):
                return self._decision(why, due_in=due_in)
            case Fail() as failed:
                return self.fail(failed)
            case Ask(why):
                return self._decision(why) if self.phase in BACK else self._ask(why)
            case Done(why):
                self._record("done", why)
        self.state = self.state.next()
        return None

    def _ask(self, why: str) -> Decision:
        self.state = replace(self.state, memory={**self.state.memory, "asked": why})
        self._move(Phase.PAUSED, why)
        return self._decision(f"{_sentence(why)} It goes on when somebody resumes or promotes it.", due_in=GUARDED)

    def fail(self, failed: Fail) -> Decision:
        """The end of the track, or the turn to the way back."""
        why = failed.why
        label = self.work.steps[self.state.index]["label"]
        self._record("failed", why)
        self.state = replace(self.state, memory={**self.state.memory, "failed": True})
        track = "Going back failed" if self.state.track == "back" else "Failed"
        decision = self._end(Phase.FAILED, f"{track} in “{label}”: {why}")
        at_once = failed.back or step_of(self.work.steps[self.state.index]).returns
        returns = at_once or self.facts.roll_back_on_failure
        if self.state.track == "back" or not (returns and self.facts.way_back):
            return decision
        said = "so that no more of it is served" if at_once else "as the environment says"
        reason = f"Rolling back by itself, {said}: {why}"
        turned = go_back(self.state, self.facts, len(self.work.steps), Phase.ROLLING_BACK, reason)
        self.records += turned.records
        moves = (*decision.moves, Move(Phase.ROLLING_BACK, reason))
        state, records = turned.state, tuple(self.records)
        return Decision(state, Phase.ROLLING_BACK, moves=moves, records=records, due_in=0.0, again=True)

    def _end(self, phase: Phase, why: str) -> Decision:
        self._move(phase, why)
        return self._decision(why, due_in=None)

    def _move(self, phase: Phase, why: str) -> None:
        self.moves.append(Move(phase, why))
        self.phase = phase

    def _record(self, state: str, why: str = "") -> None:
        now, ended = self.facts.now, state != "running"
        at = self.state
        said = said_of(at.memory) if state == "failed" else ""
        self.records.append(
            Record(at.track, at.index, state, why, at.started, now if ended else None, at.tries, said)  # type: ignore[arg-type]
        )

    def _view(self) -> View:
        return _view(self.state, self.work, self.facts)

    def _decision(self, why: str, operations: tuple[Operation, ...] = (), due_in: float | None = HEARTBEAT) -> Decision:
        moves, records = tuple(self.moves), tuple(self.records)
        return Decision(self.state, self.phase, why, operations, moves, records, due_in)


def absorb(state: State, outcomes: Iterable[Outcome], now: float) -> State:
    """The state that remembers what came of the operations."""
    memory, written = dict(state.memory), dict(state.written)
    for outcome in outcomes:
        memory = _remember(memory, outcome, now)
        if isinstance(outcome.operation, Apply | Halt) and not outcome.trouble:
            written[outcome.operation.key] = {**outcome.data, "at": now}
        elif isinstance(outcome.operation, Scale) and not outcome.trouble and outcome.operation.key in written:
            # A status from before the new number says nothing of it.
            written[outcome.operation.key] = {
                **written[outcome.operation.key],
                "generation": outcome.data["generation"],
                "at": now,
            }
    return replace(state, memory=memory, written=written)


def _remember(memory: Memory, outcome: Outcome, now: float) -> Memory:
    operation = outcome.operation
    if isinstance(operation, Diagnose):
        return _put(memory, operation, _looked(memory, outcome, now))
    if outcome.trouble:
        return remember_trouble(memory, operation, outcome.trouble, now)
    result = dict(outcome.data)
    if isinstance(operation, Read):
        before = memory.get("read", {}).get(operation.key, {})
        result |= {"at": now, "count": before.get("count", 0) + 1}
    errors = {
        name: error for name, error in memory.get("errors", {}).items() if name != f"{operation.slot} {operation.key}"
    }
    return _put({**memory, "errors": errors}, operation, result)


def _put(memory: Memory, operation: Operation, result: Memory) -> Memory:
    memory = {**memory, operation.slot: {**memory.get(operation.slot, {}), operation.key: result}}
    kept = memory.get("keep") or {}
    added = {name: {**kept.get(name, {}), **values} for name, values in operation.keeps(result).items()}
    return {**memory, "keep": {**kept, **added}} if added else memory


def _looked(memory: Memory, outcome: Outcome, now: float) -> Memory:
    """One more look at a workload's pods; that it cannot be looked at fails nothing."""
    before = memory.get("looked", {}).get(outcome.operation.key, {})
    count = before.get("count", 0) + 1
    if outcome.trouble:
        summary = f"why is not known, since its pods cannot be looked at: {outcome.trouble.words}"
        return {"at": now, "count": count, "summary": summary, "fatal": False, "fatal_since": None}
    fatal = any(problem["fatal"] for problem in outcome.data["problems"])
    since = (before.get("fatal_since") or now) if fatal else None
    told = {name: outcome.data.get(name, "") for name in ("summary", "said")}
    return {"at": now, "count": count, **told, "fatal": fatal, "fatal_since": since}


def give_up(state: State, facts: Facts, why: str) -> Decision:
    """Ends a rollout whose passes only fail, whatever the step at work says."""
    record = Record(state.track, state.index, "failed", why, state.started or facts.now, facts.now, state.tries)
    failed = replace(state, memory={**state.memory, "failed": True})
    move = Move(Phase.FAILED, f"Slipway could not go on: {why}")
    return Decision(failed, Phase.FAILED, move.why, moves=(move,), records=(record,), due_in=None)
