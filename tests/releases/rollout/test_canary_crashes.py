"""A process killed after any one action of a canary: whoever takes over brings it to the same end."""

import pytest

from environments.kube.objects import Ref
from releases.rollout.engine import Decision
from releases.rollout.facts import Facts
from releases.rollout.state import State
from releases.rollout.wants import Action, Outcome
from releases.states import Phase
from tests.environments.kube.traffic import documents
from tests.releases.rollout.canary_paper import AGENT, CANARY, CanaryPaper, autoscaler, bundle

NEVER = 10**6
REMOVED = (CANARY.key, Ref("v1", "Service", CANARY.namespace, CANARY.name).key)


class Killed(Exception):
    pass


class MortalPaper(CanaryPaper):
    """Loses what it did since its last save, once, after the action of that number."""

    def __init__(self, kill_after: int) -> None:
        super().__init__(bundle(autoscaler(), routes=documents.INGRESS), weights=[50, 100], interval=3)
        self.kill_after(kill_after)
        self._saved: tuple[State, Facts] = (self.state, self.facts)

    def kill_after(self, actions: int) -> None:
        self._left = actions

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


def removed(paper: CanaryPaper) -> set[str]:
    return {action.key for action in paper.done if type(action).__name__ == "Prune"}


def is_clean(paper: CanaryPaper) -> bool:
    """Nothing that was there for the canary alone is left."""
    return paper.weights == {"agent-service": 0} and set(REMOVED) <= removed(paper) and paper.minimum is None


def test_killed_after_any_action_it_still_comes_to_its_end() -> None:
    kill_after = 1
    while (paper := MortalPaper(kill_after)) and (end := paper.run(60)) and paper.was_killed:
        assert end.phase is Phase.SUCCEEDED, f"killed after action {kill_after}: {end.why}"
        assert is_clean(paper), f"killed after action {kill_after}: {paper.log}"
        kill_after += 1
    assert kill_after > 20


@pytest.mark.parametrize(("where", "stuck"), [("Canary of", CANARY.key), ("100 %", ""), ("Promote", AGENT.key)])
def test_aborted_and_killed_on_the_way_back_nothing_is_left(where: str, stuck: str) -> None:
    kill_after, reached = 1, True
    while reached:
        paper = MortalPaper(NEVER)
        paper.stuck.add(stuck)
        paper.run(60, until=lambda paper=paper: paper.label().startswith(where))
        paper.stuck.clear()
        paper.kill_after(kill_after)
        paper.say("abort")
        end = paper.run(60)
        reached = paper.was_killed
        assert end.phase is Phase.ABORTED, f"killed after action {kill_after}: {end.why}"
        assert is_clean(paper), f"killed after action {kill_after}: {paper.log}"
        assert paper.replicas(AGENT) == 4
        kill_after += 1
    assert kill_after > 5
