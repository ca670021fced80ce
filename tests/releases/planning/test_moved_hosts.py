"""Whose requests are being moved on a cluster at the moment: two canaries on one host are refused by it."""

import pytest

from environments.kube.traffic import Route
from portal import blobs
from releases.models import Application, Rollout
from releases.planning.arrange import _moved_hosts
from releases.states import Phase
from releases.strategies.canary.workloads import CanaryWorkload
from tests.releases.world import World

pytestmark = pytest.mark.django_db
HOSTS = ("shop.example/", "api.example/v1")
WEB = CanaryWorkload(
    "web",
    "apps/Deployment/shop/web",
    "apps/Deployment/shop/web-canary",
    Route("istio", "shop", "web", "web"),
    replicas=3,
    hosts=HOSTS,
)
PLAN = {"traffic": [WEB.to_json()]}


def of_another(world: World, phase: Phase) -> Rollout:
    rollout = world.rollout(phase, plan_digest=blobs.store_json(PLAN))
    rollout.application = Application.objects.create(name="other")
    rollout.save()
    return rollout


def test_hosts_of_other_applications_that_move_requests_now(world: World) -> None:
    mine = world.rollout(Phase.PLANNING)
    live = of_another(world, Phase.PROGRESSING)
    assert _moved_hosts(mine) == dict.fromkeys(HOSTS, f"rollout {live.pk} (shop 1.0.0 in prod)")


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.AWAITING_APPROVAL, Phase.ROLLED_BACK])
def test_who_does_not_write_now_holds_no_host(world: World, phase: Phase) -> None:
    of_another(world, phase)
    assert _moved_hosts(world.rollout(Phase.PLANNING, environment="dev")) == {}


def test_an_application_does_not_stand_in_its_own_way(world: World) -> None:
    world.rollout(Phase.PROGRESSING, plan_digest=blobs.store_json(PLAN))
    assert _moved_hosts(world.rollout(Phase.PLANNING, environment="dev")) == {}
