"""Where a rollout is on its way: what `Rollout.cursor` holds between two passes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from releases.engine.facts import Memory
from releases.states import Phase

Track = Literal["forward", "back"]
ATTENDED = 60.0
"""Seconds between two passes beyond which nobody was at work: a portal that was away does not use up deadlines."""

OUTLIVING = ("keep", "points", "policies")
"""What of a step's memory outlives it."""


@dataclass(frozen=True)
class State:
    """`index`: of the step at work in the track's plan. Times in seconds since the epoch."""

    track: Track = "forward"
    index: int = 0
    started: float | None = None
    """When the step at work began; None before that."""
    spent: float = 0.0
    """Seconds that the step has been worked on."""
    at: float | None = None
    """The last pass."""
    memory: Memory = field(default_factory=dict)
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """{"uid", "generation", "at"} of what this rollout has applied, and when, by Ref.key."""
    tries: int = 1
    """How often the track was begun or taken up again."""
    reason: str = ""
    """Why it goes back."""
    fully: bool = False
    """Whether somebody has said that no wait and no check is to hold it up any more."""

    @classmethod
    def from_json(cls, cursor: Mapping[str, Any]) -> "State":
        """The state that to_json gave; the beginning for {}."""
        return cls(**cursor)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def next(self) -> "State":
        """At the beginning of the next step."""
        memory = {name: self.memory[name] for name in OUTLIVING if self.memory.get(name)}
        return replace(self, index=self.index + 1, started=None, spent=0.0, memory=memory)


TIMES = frozenset({"at", "since", "until", "fatal_since", "up_since", "started"})
"""Names under which a state, its memory and what is written keep a time."""


def set_back(value: Any, by: float) -> Any:
    """A copy of a state's JSON in which every time is `by` seconds earlier."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: each - by if name in TIMES and isinstance(each, int | float) else set_back(each, by)
        for name, each in value.items()
    }


@dataclass(frozen=True)
class Move:
    """From the phase before to this one, and why."""

    phase: Phase
    why: str


@dataclass(frozen=True)
class Record:
    """What became of one step. `seconds` is how long it took, of a step that ended."""

    track: Track
    index: int
    state: Literal["running", "done", "failed", "skipped"]
    why: str = ""
    started: float | None = None
    finished: float | None = None
    tries: int = 1
    said: str = ""
    """What programs wrote or answered, of a step that failed: no part of `why`, and for those who may read logs."""

    @property
    def seconds(self) -> float | None:
        if self.started is None or self.finished is None:
            return None
        return round(self.finished - self.started, 3)
