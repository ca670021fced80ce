"""What steps measure and find is put on record by its type, with the save of what was decided."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.kube.objects import Ref
from environments.kube.policies import Policy
from portal.steps.flow import Decision
from portal.steps.operations import Operation, Record
from portal.steps.state import State
from releases.analysis.samples import Point
from releases.engine.facts import Work
from releases.models import Measurement, Rollout
from releases.orchestrator.live_pass import LivePass
from releases.orchestrator.plan_cache import Loaded
from releases.orchestrator.recorders import RECORDERS
from releases.plan.secret_values import Masks
from releases.states import Phase
from releases.strategies.shared.handling import HANDLERS
from releases.strategies.shared.records import Measured, PoliciesFound, Share
from tests.releases.orchestrator.test_claims import claim
from tests.releases.rollout.paper import WEB, plan_of
from tests.releases.world import World

POINT = Point("success-rate", "web", 10.0, 99.8, 99.9, 99.0, None, 120.0, "pass", "")
POLICY = Policy("timeouts", "Timeouts", Ref("v1", "Service", "shop", "web"), "30 s", state="accepted")
FOUND: tuple[Record, ...] = (Measured(POINT, 25), PoliciesFound((POLICY,)), Share("web", 5), Share("web", 25))


def under(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield from (child, *under(child))


def ours(cls: type) -> list[type]:
    return sorted((each for each in under(cls) if each.__module__.startswith("releases.")), key=str)


@pytest.mark.parametrize("kind", ours(Record))
def test_every_type_of_record_has_a_recorder(kind: type) -> None:
    assert RECORDERS._registry.find(kind)


@pytest.mark.parametrize("kind", [each for each in ours(Operation) if getattr(each, "slot", "")])
def test_every_operation_has_a_handler(kind: type) -> None:
    assert HANDLERS._registry.find(kind)


@pytest.mark.django_db
def test_all_goes_on_record_once_with_the_save(world: World) -> None:
    rollout = world.rollout(Phase.PROGRESSING, cursor=State(index=3).to_json(), shares={"api": 5})
    state = rollout.state.with_records(FOUND)
    host = LivePass(claim(rollout), Loaded(Work.of(plan_of(WEB)), "", frozenset(), Masks(1)))
    for last in (False, True):
        assert host.save(Decision(state, Phase.PROGRESSING, "waits"), last=last)
    rollout = Rollout.objects.get(pk=rollout.pk)
    assert (rollout.shares, rollout.policies) == ({"api": 5, "web": 25}, [POLICY.to_json()])
    measured = Measurement.objects.get()
    assert (measured.index, measured.weight, measured.canary, measured.verdict) == (3, 25, 99.8, "pass")
    assert rollout.state == State(index=3)


def test_whoever_records_knows_no_key_of_a_steps_memory() -> None:
    root = Path(__file__).resolve().parents[3] / "releases/orchestrator"
    found = [path.name for path in root.rglob("*.py") if ".memory" in path.read_text() or ".kept" in path.read_text()]
    assert found == []
