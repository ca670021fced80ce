"""What a kind of work hands to the engine, and what the engine hands back. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from portal.steps.operations import Operation
from portal.steps.phases import Phases
from portal.steps.retries import Patience
from portal.steps.state import Move, State, StepChange
from portal.steps.step import BaseStep, BaseView, FactsT, ViewT, WorkT
from portal.steps.verdicts import HEARTBEAT


def _nothing(_view: BaseView[Any, Any], _step: BaseStep[Any]) -> tuple[Operation, ...]:
    return ()


def _silent(_view: BaseView[Any, Any], _failed: bool) -> str:
    return ""


@dataclass(frozen=True)
class Wording:
    """What the engine says where a kind of work says it in its own way.

    `by_itself`: that it goes back; `at_once`, `as_asked`: why. `given_up`: what a work says whose passes only fail.
    """

    by_itself: str = "Going back by itself"
    at_once: str = "at once, since more would be lost"
    as_asked: str = "as was asked for"
    given_up: str = "It could not go on"


@dataclass(frozen=True)
class Flow(Generic[WorkT, FactsT, ViewT]):
    """One kind of work.

    `told`: what there is to say at the end of the track, and whether it failed, beside why; "" for nothing.
    `view` makes what its steps see, `read` a step of what the plan stores. `hold`: what keeps things under way standing
    still while the work is paused in a step. `anew`: slots whose operations are done again once it is resumed.
    """

    phases: Phases
    view: Callable[[WorkT, FactsT, State], ViewT]
    read: Callable[[Mapping[str, Any]], BaseStep[ViewT]]
    hold: Callable[[ViewT, BaseStep[ViewT]], tuple[Operation, ...]] = _nothing
    anew: frozenset[str] = frozenset()
    patience: Patience = field(default_factory=Patience)
    wording: Wording = field(default_factory=Wording)
    told: Callable[[ViewT, bool], str] = _silent


@dataclass(frozen=True)
class Decision:
    """`operations`: to be done before anything is decided again. `due_in`: seconds, None where it has ended.

    `again`: the track has changed, so decide again with its plan. `moves`: phases in their order. What goes on record
    is in the state.
    """

    state: State
    phase: str
    why: str = ""
    operations: tuple[Operation, ...] = ()
    moves: tuple[Move, ...] = ()
    steps: tuple[StepChange, ...] = ()
    due_in: float | None = HEARTBEAT
    again: bool = False

    @property
    def changes(self) -> bool:
        """Whether there is more to save than what a look has brought."""
        return bool(self.steps or self.moves or self.again)
