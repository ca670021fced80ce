"""Where a work is on its way: what its cursor holds between two passes, in one schema. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from portal.steps.cursors import SCHEMA, lifted
from portal.steps.operations import Record

Track = Literal["forward", "back"]
Memory = dict[str, Any]
"""Of one step, as JSON: slot → key → result of its operations, and what it notes itself."""


@dataclass(frozen=True)
class Placed:
    """A record, with the step that it is of."""

    track: Track
    index: int
    record: Record


@dataclass(frozen=True)
class State:
    """`index`: of the step at work in the track's plan. Times in seconds since the epoch."""

    track: Track = "forward"
    index: int = 0
    tries: int = 1
    """How often the track was begun or taken up again."""
    reason: str = ""
    """Why it goes back."""
    fully: bool = False
    """Whether somebody has said that no wait and no check is to hold it up any more."""
    at: float | None = None
    """The last pass."""
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What operations have noted of what they wrote, by their key; as long as the work lasts."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What steps have kept for those after them."""
    begun: int = 0
    """How often its start was begun, before there was a step to be at."""

    # Of the step at work:
    started: float | None = None
    """When it began; None before that."""
    spent: float = 0.0
    """Seconds that it has been worked on."""
    memory: Memory = field(default_factory=dict)
    errors: Mapping[str, Any] = field(default_factory=dict)
    """ "slot key" of an operation → what went wrong and when to try again: portal.steps.retries."""
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """slot → key → what a program wrote or answered, for as long as its result is remembered."""
    asked: str = ""
    """What it has paused for to ask."""
    answered: bool = False
    """Whether a person has just answered, which the step has not taken in yet."""
    promoted: bool = False
    failed: bool = False
    """Whether its end is on record already."""

    records: tuple[Placed, ...] = ()
    """What is not on record yet. Never stored: the save that stores the rest puts it on record."""

    @classmethod
    def from_json(cls, cursor: Mapping[str, Any]) -> "State":
        """The state that to_json gave, by this version or one before; the beginning for {}."""
        known = {each.name for each in fields(cls)} - {"records"}
        return cls(**{name: value for name, value in lifted(cursor).items() if name in known})

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for from_json."""
        stored = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "records"}
        return {"schema": SCHEMA, **stored}

    def fresh(self, **changes: Any) -> "State":
        """With a step that has not begun, and nothing remembered of the one at work."""
        step = {name: getattr(BEGINNING, name) for name in OF_A_STEP}
        return replace(self, **{**step, **changes})

    def next(self) -> "State":
        """At the beginning of the next step."""
        return self.fresh(index=self.index + 1)

    def with_records(self, found: tuple[Record, ...]) -> "State":
        """With more to be put on record, of the step at work."""
        placed = tuple(Placed(self.track, self.index, each) for each in found)
        return replace(self, records=(*self.records, *placed)) if placed else self

    def recorded(self) -> "State":
        """Once all is on record."""
        return replace(self, records=()) if self.records else self


BEGINNING = State()
OF_A_STEP = ("started", "spent", "memory", "errors", "outputs", "asked", "answered", "promoted", "failed")


@dataclass(frozen=True)
class Move:
    """From the phase before to this one, and why."""

    phase: str
    why: str


@dataclass(frozen=True)
class ProgramOutput:
    """What a program wrote or answered; `about` is the key of the operation that found it."""

    about: str
    text: str


@dataclass(frozen=True)
class StepChange:
    """What became of one step. `seconds` is how long it took, of a step that ended.

    `outputs`, of a step that failed: no part of `why`, and for who may read logs.
    """

    track: Track
    index: int
    state: Literal["running", "done", "failed", "skipped"]
    why: str = ""
    started: float | None = None
    finished: float | None = None
    tries: int = 1
    outputs: tuple[ProgramOutput, ...] = ()

    @property
    def seconds(self) -> float | None:
        if self.started is None or self.finished is None:
            return None
        return round(self.finished - self.started, 3)


def outputs_of(state: State) -> tuple[ProgramOutput, ...]:
    """What programs wrote and answered while the step at work was at it."""
    return tuple(ProgramOutput(key, text) for slot in state.outputs.values() for key, text in slot.items())
