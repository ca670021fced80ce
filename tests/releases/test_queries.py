"""Pages and API ask the database as often for twenty applications as for one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import blobs, tokens
from portal.actors import SYSTEM
from releases import ingest
from releases.actions import offer
from releases.models import Application, Approval, Release, Rollout, Step
from releases.queries import matrix
from releases.revisions import revisions
from releases.states import Phase
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db
PLAN = {
    "namespace": "shop-prod",
    "images": {},
    "objects": [],
    "changes": [{"ref": ["v1", "ConfigMap", "shop-prod", "old"], "action": "delete"}],
    "risks": [],
    "steps": [],
}
MOST = 40
ADDRESSES = [
    "/",
    "/approvals",
    "/rollouts",
    "/history",
    "/environments",
    "/rollouts/new",
    "/api/v1/matrix",
    "/api/v1/rollouts?limit=500",
    "/api/v1/releases?limit=500",
    "/api/v1/environments",
    "/api/v1/audit?limit=1000",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("person", ["lead", "auditor"])
def test_a_list_costs_as_many_queries_for_many_as_for_few(world: World, address: str, person: str) -> None:
    ask = asking(world, person, address)
    fill(world, 2)
    few = queries(ask)
    fill(world, 20)
    assert queries(ask) == few <= MOST


@pytest.mark.parametrize("tail", [f"?tab={tab}" for tab in ("now", "changes", "approvals", "activity", "release")])
def test_a_rollout_costs_as_many_queries_with_many_steps_votes_and_siblings(world: World, tail: str) -> None:
    fill(world, 1)
    rollout = Rollout.objects.get(phase=Phase.AWAITING_APPROVAL, environment__name="prod")
    addresses = (f"/rollouts/{rollout.pk}{tail}", f"/api/v1/rollouts/{rollout.pk}")
    asks = [asking(world, "lead", address) for address in addresses]
    few = [queries(ask) for ask in asks]
    more_of(world, rollout)
    assert [queries(ask) for ask in asks] == few
    assert max(few) <= MOST


def asking(world: World, person: str, address: str) -> Callable[[], Any]:
    user = world.people[person].user
    assert user is not None
    text, _ = tokens.issue(user, "test", (), (), timezone.now() + timedelta(hours=1))
    client = Client(headers={"Authorization": f"Bearer {text}"})
    client.force_login(user)
    return lambda: client.get(address)


def queries(ask: Callable[[], Any]) -> int:
    ask()
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = ask()
    assert answer.status_code in (200, 403)
    return len(captured)


def fill(world: World, applications: int) -> None:
    """So many applications: live in every environment, one way under way and one that waits for votes."""
    digest = blobs.store_json(PLAN)
    for number in range(Application.objects.count(), applications + 1):
        application = Application.objects.create(name=f"shop-{number}")
        bundle = ingest.store_bundle(SYSTEM, application, archive({"base/web.yaml": WEB}), "shop.tar.gz")
        old, new = (
            Release.objects.create(application=application, version=version, bundle=bundle, created_by="ci")
            for version in ("1.0.0", "1.1.0")
        )
        for place in world.environments.values():
            make(world, old, place, Phase.SUCCEEDED, number, finished_at=timezone.now())
        flying = make(world, new, world.environments["dev"], Phase.PROGRESSING, 100 + number)
        Step.objects.create(rollout=flying, index=0, label="Confirm")
        plan = blobs.store_json({**PLAN, "version": number})
        waiting = make(world, new, world.environments["prod"], Phase.AWAITING_APPROVAL, 0, plan_digest=plan)
        vote(world, waiting, "lead2")
        make(world, new, world.environments["dr"], Phase.AWAITING_APPROVAL, 0, plan_digest=digest)


def more_of(world: World, rollout: Rollout) -> None:
    vote(world, rollout, "operator")
    Step.objects.bulk_create(Step(rollout=rollout, index=index, label="Wave") for index in range(20))
    for _ in range(3):
        make(world, rollout.release, rollout.environment, Phase.FAILED, 0)


def make(world: World, release: Release, place: Any, phase: Phase, sequence: int, **fields: Any) -> Rollout:
    developer = world.people["developer"]
    return Rollout.objects.create(
        release=release,
        application=release.application,
        environment=place,
        phase=phase,
        sequence=sequence,
        requester=developer.user,
        requested_by=developer.name,
        **fields,
    )


def vote(world: World, rollout: Rollout, person: str) -> None:
    user = world.people[person].user
    Approval.objects.create(rollout=rollout, digest=rollout.plan_digest, user=user, name=person, decision="approved")


def test_where_a_way_back_failed_no_version_is_said_to_run(world: World) -> None:
    first = world.rollout(Phase.SUCCEEDED, version="1.0.0")
    failed = world.rollout(Phase.FAILED, version="1.1.0", previous=first, cursor={"schema": 1, "track": "back"})
    [cell] = matrix([world.environments["prod"]]).rows[0].cells
    assert (cell.live, cell.between) == (None, failed)
    assert [each.running for each in revisions(world.application, world.environments["prod"])] == [False]
    assert offer(world.people["lead"], first, "undo").allowed
    world.rollout(Phase.SUCCEEDED, version="1.2.0")
    [cell] = matrix([world.environments["prod"]]).rows[0].cells
    assert cell.between is None
