"""One pass of a work under way: decide, act, decide again, until there is nothing but to wait."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from portal.steps.flow import Decision
from portal.steps.state import State


class Host(Protocol):
    """Whoever holds one work for a pass."""

    def decide(self, state: State) -> Decision:
        """What the engine decides, by the plan of the state's track and the world as it is now."""

    def act(self, decision: Decision) -> State:
        """Carries the decision's operations out, and gives the state that has absorbed what came of them."""

    def save(self, decision: Decision, *, last: bool) -> bool:
        """Stores state, phase and records in one transaction, and lets go of the work where it is the `last`.

        False where the work was changed by somebody meanwhile, and nothing was stored.
        """

    def afresh(self, state: State) -> State:
        """The state to go on from after a save that stored nothing. `state` is what was decided from."""

    def is_short(self) -> bool:
        """Whether it has to save before it may write again, whatever there is to save."""


def drive(host: Host, state: State, is_over: Callable[[], bool]) -> None:
    """One pass. Once it `is_over`, what is left comes in a pass of its own. Raises what the host raises.

    Whatever is not saved is done again: every operation may be repeated.
    """
    while True:
        decision = host.decide(state)
        if decision.operations and is_over():
            decision = replace(decision, due_in=0.0)
        elif decision.operations or decision.again:
            state = _on(host, state, decision)
            continue
        if host.save(decision, last=True):
            return
        state = host.afresh(state)


def _on(host: Host, state: State, decision: Decision) -> State:
    if decision.changes or host.is_short():
        if not host.save(decision, last=False):
            return host.afresh(state)
        decision = replace(decision, state=decision.state.recorded())
    return host.act(decision)
