"""A process killed after any one operation of a blue-green rollout: whoever takes over brings it to the same end."""

from typing import Any

import pytest

from portal.steps.operations import Operation, Outcome
from releases.states import Phase
from releases.strategies.blue_green.operations import Lead
from tests.releases.rollout.coloured import Cluster, arranged, plan_of
from tests.releases.rollout.mortal import Mortal

SOAK: dict[str, Any] = {"soakSeconds": 4, "drainSeconds": 8}


class MortalCluster(Mortal, Cluster):
    """Whose requests must never be led to fewer pods than the ready ones of the plain Deployment were."""

    def _do(self, operation: Operation) -> Outcome:
        if isinstance(operation, Lead):
            assert self.ready.get("web-green" if operation.to == "green" else "web", 0) >= 3, operation
        return super()._do(operation)


def cluster() -> MortalCluster:
    return MortalCluster(plan_of(arranged(parameters=SOAK), **SOAK), sizes={"web": 3})


def test_killed_after_any_action_it_still_comes_to_its_end() -> None:
    kill_after, reached = 1, True
    while reached:
        paper = cluster()
        paper.kill_after(kill_after)
        words = paper.run(1.0)
        reached = paper.was_killed
        assert paper.phases[-1] is Phase.SUCCEEDED, f"killed after operation {kill_after}: {words[-1]}"
        assert paper.sizes == {"web-green": 3}, f"killed after operation {kill_after}"
        assert set(paper.serving.values()) == {"green"}
        assert ("prune", "Service web-preview") in paper.history
        kill_after += 1
    assert kill_after > 20


@pytest.mark.parametrize("where", ["health checks", "of the soak are left", "is kept for"])
def test_aborted_and_killed_on_the_way_back_nothing_is_left(where: str) -> None:
    kill_after, reached = 1, True
    while reached:
        paper = cluster()
        paper.until(where)
        paper.kill_after(kill_after)
        paper.say("abort")
        words = paper.run(1.0)
        reached = paper.was_killed
        assert paper.phases[-1] is Phase.ABORTED, f"killed after operation {kill_after}: {words[-1]}"
        assert paper.sizes == {"web": 3}, f"killed after operation {kill_after}"
        assert set(paper.serving.values()) == {"stable"}
        assert ("prune", "Service web-preview") in paper.history
        kill_after += 1
    assert kill_after > 5


@pytest.mark.parametrize("kill_after", range(1, 8))
def test_killed_around_the_switch_and_aborted_at_once_requests_come_back(kill_after: int) -> None:
    paper = cluster()
    paper.until("2 of 3 health checks")
    paper.kill_after(kill_after)
    while not paper.was_killed:
        paper.later(0.5)
    paper.say("abort")
    paper.run(1.0)
    assert (paper.phases[-1], paper.sizes) == (Phase.ABORTED, {"web": 3})
    assert set(paper.serving.values()) <= {"stable"}
