"""One walk along the steps of a track, as far as they are done; and standing still while a work is paused. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Generic

from portal.steps.flow import Decision, Flow
from portal.steps.intents import IntentContext, go_back
from portal.steps.operations import Operation
from portal.steps.phases import Position
from portal.steps.retries import ready, troubled
from portal.steps.state import Move, State, StepChange, outputs_of
from portal.steps.step import BaseStep, FactsT, ViewT, WorkT
from portal.steps.verdicts import HEARTBEAT, Ask, Done, Fail, Wait

GUARDED = 2.0  # seconds between two looks after a step that is paused and yet looks after something
UNSURE = 5.0  # seconds between two tries to have everything stand still
ANSWERS = "It goes on when somebody resumes or promotes it."


class Walk(Generic[WorkT, FactsT, ViewT]):
    """From the step at work on."""

    def __init__(self, flow: Flow[WorkT, FactsT, ViewT], state: State, work: WorkT, facts: FactsT) -> None:
        self.flow, self.state, self.work, self.facts = flow, state, work, facts
        self.phase = facts.phase
        self.moves: list[Move] = []
        self.steps: list[StepChange] = []

    def go(self) -> Decision:
        """Enters one step after the other until one is not done, or none is left."""
        while self.state.index < len(self.work.steps):
            step = self._step()
            self._enter(step)
            if decision := self._stay(step):
                return decision
        return self._end(self.flow.phases.end(self.phase), self._told(self.state.reason, failed=False))

    def hold(self) -> Decision:
        """Nothing new begins, what is under way stands still where it is, and the step is looked after."""
        step = self._step()
        self._remember(step)
        view = self._view()
        if alarm := step.alarm(view):
            return self.fail(alarm)
        still, trouble = (*self.flow.hold(view, step), *step.guard(view)), troubled(view, self.flow.patience)
        if (halts := ready(view, still)) and not isinstance(trouble, Fail):
            return self._decision("", halts)
        why = self._paused(step, view)
        if trouble:
            return self._decision(f"{why} Standing still is not sure: {trouble.why}", due_in=UNSURE)
        return self._decision(why, due_in=GUARDED if step.guards else HEARTBEAT)

    def fail(self, failed: Fail) -> Decision:
        """The end of the track, or the turn to the way back."""
        step = self._step()
        self._note("failed", failed.why)
        self.state = replace(self.state, failed=True)
        track = "Going back failed" if self.state.track == "back" else "Failed"
        why = self._told(f"{track} in “{step.label}”: {failed.why}", failed=True)
        decision = self._end(self.flow.phases.failed, why)
        at_once = failed.back or step.returns
        may = self.state.track == "forward" and self.facts.way_back
        if may and (at_once or self.facts.roll_back_on_failure):
            return self._go_back(failed.why, at_once=at_once)
        return decision

    def _told(self, why: str, *, failed: bool) -> str:
        told = self.flow.told(self._view(), failed)
        return f"{_sentence(why)} {told}".strip() if told else why

    def _go_back(self, why: str, *, at_once: bool) -> Decision:
        wording, phase = self.flow.wording, self.flow.phases.rollback.under_way
        said = wording.at_once if at_once else wording.as_asked
        reason = f"{wording.by_itself}, {said}: {why}"
        ground = IntentContext(self.flow.phases, self.facts, len(self.work.steps))
        turned = go_back(self.state, ground, phase, reason)
        moves, steps = (*self.moves, Move(phase, reason)), (*self.steps, *turned.steps)
        return Decision(turned.state, phase, moves=moves, steps=steps, due_in=0.0, again=True)

    def _enter(self, step: BaseStep[ViewT]) -> None:
        if self.state.started is None:
            self.state = replace(self.state, started=self.facts.now)
            self._note("running")
        claims = step.phase and step.phase != self.phase
        if claims and self.flow.phases.position(self.phase) is Position.RUNNING:
            self._move(step.phase, step.phase_why)
        self._remember(step)

    def _stay(self, step: BaseStep[ViewT]) -> Decision | None:
        """The decision where the step is not done; None, one further, where it is."""
        view = self._view()
        trouble = troubled(view, self.flow.patience)
        if isinstance(trouble, Fail):
            return self.fail(trouble)
        if operations := ready(view, step.operations(view)):
            return self._decision("", operations)
        if trouble:
            return self._decision(trouble.why, due_in=trouble.due_in)
        return self._judge(step, view)

    def _judge(self, step: BaseStep[ViewT], view: ViewT) -> Decision | None:
        match step.verdict(view):
            case Wait(why, due_in):
                return self._decision(why, due_in=due_in)
            case Fail() as failed:
                return self.fail(failed)
            case Ask(why):
                return self._ask(why)
            case Done(why):
                self._note("done", why)
        self.state = self.state.next()
        return None

    def _ask(self, why: str) -> Decision:
        """On the way back nobody is asked: it waits."""
        if self.flow.phases.position(self.phase) is Position.GOING_BACK:
            return self._decision(why)
        self.state = replace(self.state, asked=why)
        self._move(self.flow.phases.paused, why)
        return self._decision(f"{_sentence(why)} {ANSWERS}", due_in=GUARDED)

    def _paused(self, step: BaseStep[ViewT], view: ViewT) -> str:
        """Why it is paused, what stands meanwhile, and how it goes on."""
        standing = step.standing(view)
        stands = f" {standing}." if standing else ""
        if asked := self.state.asked:
            return f"{_sentence(asked)}{stands} {ANSWERS}"
        return f"Paused in “{step.label}”; it goes on when somebody resumes it.{stands}"

    def _end(self, phase: str, why: str) -> Decision:
        self._move(phase, why)
        return self._decision(why, due_in=None)

    def _move(self, phase: str, why: str) -> None:
        self.moves.append(Move(phase, why))
        self.phase = phase

    def _remember(self, step: BaseStep[ViewT]) -> None:
        """What the step takes down of this look, once; outputs go with the results that they came with."""
        notes = step.remember(self._view())
        outputs = {slot: _still(said, notes.memory.get(slot)) for slot, said in self.state.outputs.items()}
        taken = replace(self.state, answered=False, memory=notes.memory, kept=notes.kept, outputs=outputs)
        self.state = taken.with_records(notes.records)

    def _note(self, became: str, why: str = "") -> None:
        at, now = self.state, self.facts.now
        ended = None if became == "running" else now
        outputs = outputs_of(at) if became == "failed" else ()
        change = StepChange(at.track, at.index, became, why, at.started, ended, at.tries, outputs)  # type: ignore[arg-type]
        self.steps.append(change)

    def _step(self) -> BaseStep[ViewT]:
        return self.flow.read(self.work.steps[self.state.index])

    def _view(self) -> ViewT:
        return self.flow.view(self.work, self.facts, self.state)

    def _decision(self, why: str, operations: tuple[Operation, ...] = (), due_in: float | None = HEARTBEAT) -> Decision:
        moves, steps = tuple(self.moves), tuple(self.steps)
        return Decision(self.state, self.phase, why, operations, moves, steps, due_in)


def _still(said: Mapping[str, str], results: object) -> dict[str, str]:
    """Of what programs said, that whose result is still remembered."""
    return {key: text for key, text in said.items() if isinstance(results, Mapping) and key in results}


def _sentence(words: str) -> str:
    return words if words.endswith((".", "?", "!")) else f"{words}."
