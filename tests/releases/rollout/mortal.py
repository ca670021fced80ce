"""A process that is killed once, with all that it has not saved: for rollouts on paper."""

from portal.steps.flow import Decision
from portal.steps.operations import Operation, Outcome
from portal.steps.state import State
from releases.engine.facts import Facts
from tests.releases.rollout.paper import Paper


class Killed(Exception):
    pass


class Mortal(Paper):
    """To be mixed in before a Paper. What was done stays done; what is known of it is what was saved before."""

    _left = 0
    _saved: tuple[State, Facts]

    def kill_after(self, operations: int) -> None:
        """It dies after so many operations from here, before any of what they brought is saved."""
        self._left = operations
        self._saved = (self.state, self.facts)

    @property
    def was_killed(self) -> bool:
        return self._left <= 0

    def go(self) -> Decision:
        try:
            return super().go()
        except Killed:
            self.state, self.facts = self._saved
            return super().go()

    def _note(self, decision: Decision) -> None:
        super()._note(decision)
        if decision.changes or not decision.operations:
            self._saved = (self.state, self.facts)

    def _do(self, operation: Operation) -> Outcome:
        outcome = super()._do(operation)
        self._left -= 1
        if self._left == 0:
            raise Killed
        return outcome
