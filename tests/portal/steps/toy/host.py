"""Whoever holds the toy for a pass: a process that may die, with what it has saved on a disk that does not."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from portal.steps.engine import absorb, decide
from portal.steps.flow import Decision
from portal.steps.operations import Operation, Outcome, Trouble
from portal.steps.passes import drive
from portal.steps.state import State, StepChange
from portal.steps.step import BaseFacts
from tests.portal.steps.toy.flow import BACK, FLOW, FORWARD, ToyStep, load
from tests.portal.steps.toy.handlers import HANDLERS, Van
from tests.portal.steps.toy.recorders import RECORDERS


class Killed(Exception):
    pass


@dataclass
class Disk:
    """What is stored: all of it in one transaction."""

    cursor: str = "{}"
    phase: str = "moving"
    intent: str = ""
    why: str = ""
    due_in: float | None = 0.0
    phases: list[str] = field(default_factory=lambda: ["moving"])
    steps: list[StepChange] = field(default_factory=list)
    weights: list[tuple[int, int, float]] = field(default_factory=list)


class Toy:
    """One work, its disk, its world and its clock."""

    def __init__(self, *forward: ToyStep, **facts: Any) -> None:
        self.tracks = {"forward": load(*(forward or FORWARD)), "back": load(*BACK)}
        self.disk, self.van, self.facts = Disk(), Van(), facts
        self.now = 1000.0
        self.broken: dict[str, Trouble] = {}
        self.dies_after = 0
        self.refuses = 0

    def say(self, intent: str) -> "Toy":
        """A person wants something, and it is passed at once."""
        self.disk.intent = intent
        return self.later(0.0)

    def later(self, seconds: float) -> "Toy":
        """Time goes by, and it is passed."""
        self.now += seconds
        try:
            drive(self, self.state, lambda: False)
        except Killed:
            drive(self, self.state, lambda: False)
        return self

    def finished(self, seconds: float = 2.0) -> "Toy":
        """Passed until it ends, or pauses."""
        for _ in range(20):
            if self.disk.due_in is None or self.disk.phase == "held":
                return self
            self.later(seconds)
        raise AssertionError(f"It never ends: {self.disk}")

    @property
    def state(self) -> State:
        return State.from_json(json.loads(self.disk.cursor))

    def decide(self, state: State) -> Decision:
        facts = BaseFacts(self.now, self.disk.phase, self.disk.intent, "ann", **self.facts)
        return decide(FLOW, state, self.tracks[state.track], facts)

    def act(self, decision: Decision) -> State:
        return absorb(FLOW, decision.state, self._outcomes(decision.operations), self.now)

    def save(self, decision: Decision, *, last: bool) -> bool:
        if self.refuses:
            self.refuses -= 1
            return False
        disk = self.disk
        disk.cursor, disk.phase = json.dumps(decision.state.to_json()), decision.phase
        disk.phases += [move.phase for move in decision.moves]
        disk.steps += decision.steps
        RECORDERS.put(disk.weights, decision.state.records)
        if decision.again:
            disk.intent = ""
        if last:
            disk.why, disk.due_in = decision.why, decision.due_in
        return True

    def afresh(self, state: State) -> State:
        return self.state

    def is_short(self) -> bool:
        return False

    def _outcomes(self, operations: Iterable[Operation]) -> list[Outcome]:
        return [self._outcome(operation) for operation in operations]

    def _outcome(self, operation: Operation) -> Outcome:
        if trouble := self.broken.get(operation.key):
            return Outcome(operation, trouble=trouble)
        result = HANDLERS.handle(self.van, operation)
        self.van.done.append(f"{type(operation).__name__} {operation.key}")
        if len(self.van.done) == self.dies_after:
            raise Killed
        return Outcome(operation, result)
