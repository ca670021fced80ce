"""Where a work is: in the engine's own words, and in the phases that its kind calls them. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Position(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    GOING_BACK = "going back"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    GONE_BACK = "gone back"


@dataclass(frozen=True)
class Return:
    """One way of going back: its phase under way and at its end. `told`: as in "Rolled back by ann."."""

    under_way: str
    over: str
    told: str


@dataclass(frozen=True)
class Phases:
    """What a kind of work calls each position. A kind with one way back gives it for both.

    `also_running` are phases that steps of it claim while they are at work.
    """

    running: str
    paused: str
    succeeded: str
    failed: str
    abort: Return
    rollback: Return
    also_running: frozenset[str] = frozenset()

    def position(self, phase: str) -> Position:
        """KeyError for a phase in which no step is at work, nor ever was."""
        return self._positions()[phase]

    def end(self, phase: str) -> str:
        """The phase of a work whose last step is done."""
        overs = {each.under_way: each.over for each in (self.abort, self.rollback)}
        return overs.get(phase, self.succeeded)

    def _positions(self) -> dict[str, Position]:
        returns = (self.abort, self.rollback)
        return {
            **dict.fromkeys((self.running, *self.also_running), Position.RUNNING),
            **dict.fromkeys((each.under_way for each in returns), Position.GOING_BACK),
            **dict.fromkeys((each.over for each in returns), Position.GONE_BACK),
            self.paused: Position.PAUSED,
            self.succeeded: Position.SUCCEEDED,
            self.failed: Position.FAILED,
        }
