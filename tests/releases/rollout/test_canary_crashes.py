"""A process killed after any one operation of a canary: whoever takes over brings it to the same end."""

import pytest

from environments.kube.objects import Ref
from releases.states import Phase
from tests.environments.kube.traffic import documents
from tests.releases.rollout.canary_paper import AGENT, CANARY, CanaryPaper, autoscaler, bundle
from tests.releases.rollout.mortal import Mortal

REMOVED = (CANARY.key, Ref("v1", "Service", CANARY.namespace, CANARY.name).key)


class MortalCanary(Mortal, CanaryPaper):
    pass


def paper_of() -> MortalCanary:
    return MortalCanary(bundle(autoscaler(), routes=documents.INGRESS), weights=[50, 100], interval=3)


def run_to(paper: CanaryPaper, where: str) -> None:
    paper.run(60, until=lambda: paper.label().startswith(where))


def removed(paper: CanaryPaper) -> set[str]:
    return {operation.key for operation in paper.done if type(operation).__name__ == "Prune"}


def is_clean(paper: CanaryPaper) -> bool:
    """Nothing that was there for the canary alone is left."""
    return paper.weights == {"agent-service": 0} and set(REMOVED) <= removed(paper) and paper.minimum is None


def test_killed_after_any_action_it_still_comes_to_its_end() -> None:
    kill_after, reached = 1, True
    while reached:
        paper = paper_of()
        paper.kill_after(kill_after)
        end = paper.run(60)
        reached = paper.was_killed
        assert end.phase is Phase.SUCCEEDED, f"killed after operation {kill_after}: {end.why}"
        assert is_clean(paper), f"killed after operation {kill_after}: {paper.log}"
        kill_after += 1
    assert kill_after > 20


@pytest.mark.parametrize(("where", "stuck"), [("Canary of", CANARY.key), ("100 %", ""), ("Promote", AGENT.key)])
def test_aborted_and_killed_on_the_way_back_nothing_is_left(where: str, stuck: str) -> None:
    kill_after, reached = 1, True
    while reached:
        paper = paper_of()
        paper.stuck.add(stuck)
        run_to(paper, where)
        paper.stuck.clear()
        paper.kill_after(kill_after)
        paper.say("abort")
        end = paper.run(60)
        reached = paper.was_killed
        assert end.phase is Phase.ABORTED, f"killed after operation {kill_after}: {end.why}"
        assert is_clean(paper), f"killed after operation {kill_after}: {paper.log}"
        assert paper.replicas(AGENT) == 4
        kill_after += 1
    assert kill_after > 5
