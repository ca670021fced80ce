"""A process that is killed once, with all that it has not saved: for rollouts on paper."""

from releases.rollout.engine import Decision
from releases.rollout.facts import Facts
from releases.rollout.state import State
from releases.rollout.wants import Action, Outcome
from tests.releases.rollout.paper import Paper


class Killed(Exception):
    pass


class Mortal(Paper):
    """To be mixed in before a Paper. What was done stays done; what is known of it is what was saved before."""

    _left = 0
    _saved: tuple[State, Facts]

    def kill_after(self, actions: int) -> None:
        """It dies after so many actions from here, before any of what they brought is saved."""
        self._left = actions
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
        if decision.records or decision.moves or decision.again or not decision.actions:
            self._saved = (self.state, self.facts)

    def _do(self, action: Action) -> Outcome:
        outcome = super()._do(action)
        self._left -= 1
        if self._left == 0:
            raise Killed
        return outcome
