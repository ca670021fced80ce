"""What a work is made of. A step owns its label, what it wants done, and its verdict on what it sees. Pure.

A step is stored in the plan as {"kind", "label", "objects": [index, …], "settings": {…}} and read back from there, so
that what was approved is what runs. A subclass with a `kind` is found by it among those of its kind of work.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from portal.steps.operations import Operation, Record
from portal.steps.state import Memory, State
from portal.steps.verdicts import Fail, Judgement


class TrackPlan(Protocol):
    """The plan of one track, read."""

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]: ...


@dataclass(frozen=True)
class BaseFacts:
    """The world as one pass sees it; a kind of work adds what its steps look at. `now`: seconds since the epoch."""

    now: float
    phase: str
    intent: str = ""
    intent_by: str = ""
    progress_seconds: float = 600
    """How long a step may take without progress."""
    roll_back_on_failure: bool = False
    way_back: bool = True
    """Whether there is one."""


WorkT = TypeVar("WorkT", bound=TrackPlan)
FactsT = TypeVar("FactsT", bound=BaseFacts)


@dataclass(frozen=True)
class Notes:
    """What a step takes down of a look: its own memory, what it keeps for those after it, what goes on record."""

    memory: Memory
    kept: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class BaseView(Generic[WorkT, FactsT]):
    """What a step sees."""

    work: WorkT
    facts: FactsT
    memory: Memory = field(default_factory=dict)
    spent: float = 0.0
    """Seconds that this step has been worked on: time in which nobody looked does not count."""
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What was noted of everything that the work has written, by its key."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What steps before have kept for those after them."""
    errors: Mapping[str, Any] = field(default_factory=dict)
    fully: bool = False
    """Whether somebody has said that no wait and no check is to hold it up any more."""
    promoted: bool = False
    """Whether somebody has said that this step's wait is to be skipped."""
    answered: bool = False
    """Whether a person has just answered what it asked; said once."""

    @property
    def notes(self) -> Notes:
        """With nothing new in them."""
        return Notes(self.memory, self.kept)

    def slot(self, name: str) -> Mapping[str, Any]:
        return self.memory.get(name) or {}


ViewT = TypeVar("ViewT", bound=BaseView[Any, Any])


@dataclass(frozen=True)
class BaseStep(Generic[ViewT]):
    """One step of a track. Subclasses say what they want and when they are content."""

    label: str
    objects: tuple[int, ...] = ()
    """Which of the plan's objects it is about, where the kind of work has any."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it was given when it was planned, as JSON."""
    kind: ClassVar[str] = ""
    phase: ClassVar[str] = ""
    """What the work is called while this step is at work on the way forward; "" leaves it. `phase_why` goes with it."""
    phase_why: ClassVar[str] = ""
    guards: ClassVar[bool] = False
    """Whether it looks after something while it is paused."""
    returns: ClassVar[bool] = False
    """Whether the way back begins at once when it fails, whatever the place says."""

    def to_json(self) -> dict[str, Any]:
        """As the plan stores it."""
        told = {"settings": dict(self.settings)} if self.settings else {}
        return {"kind": self.kind, "label": self.label, "objects": list(self.objects), **told}

    def remember(self, view: ViewT) -> Notes:
        """What it takes down of this look at the world."""
        return view.notes

    def operations(self, view: ViewT) -> tuple[Operation, ...]:
        """What is to be done now; () when there is nothing but to wait."""
        raise NotImplementedError

    def verdict(self, view: ViewT) -> Judgement:
        """How far the step is; asked only when there is nothing to do."""
        raise NotImplementedError

    def guard(self, view: ViewT) -> tuple[Operation, ...]:  # noqa: ARG002
        """What is to be done while the work is paused in this step: looks, nothing that changes anything."""
        return ()

    def standing(self, view: ViewT) -> str:  # noqa: ARG002
        """What a person should know of the step while it is paused; "" for nothing."""
        return ""

    def alarm(self, view: ViewT) -> Fail | None:  # noqa: ARG002
        """What ends a pause in this step, by what the guard has seen."""
        return None


StepT = TypeVar("StepT", bound=BaseStep[Any])


def read_step(base: type[StepT], data: Mapping[str, Any]) -> StepT:
    """The step under `base` that `to_json` wrote. KeyError names a kind that this version does not know."""
    kinds = {cls.kind: cls for cls in _under(base) if cls.kind}
    if data["kind"] not in kinds:
        raise KeyError(f"no step of kind {data['kind']!r}; this version knows {', '.join(sorted(kinds))}")
    return kinds[data["kind"]](data["label"], tuple(data.get("objects", ())), data.get("settings") or {})


def _under(cls: type[StepT]) -> Iterable[type[StepT]]:
    for child in cls.__subclasses__():
        yield child
        yield from _under(child)


def seen(state: State) -> dict[str, Any]:
    """What of a state a BaseView has, by the names of its fields."""
    return {
        "memory": state.memory,
        "spent": state.spent,
        "written": state.written,
        "kept": state.kept,
        "errors": state.errors,
        "fully": state.fully,
        "promoted": state.fully or state.promoted,
        "answered": state.answered,
    }


def undone(view: BaseView[Any, Any], operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Those that have no result yet."""
    return tuple(each for each in operations if each.key not in view.slot(each.slot))
