"""A database of before: what is there already is told to the history once, and goes on."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from portal.audit.vouching import doubts
from portal.models import AuditEntry
from releases import actions
from releases.approvals.standing import standing
from releases.models import Rollout
from releases.states import Phase
from tests.audit import unguarded
from tests.releases import world as worlds
from tests.releases.telling import tell
from tests.releases.world import World

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("releases", "0002_bind_values")]


def migrate(targets: list[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    yield worlds.build()
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


def upgrade() -> None:
    """From a database whose rollouts and grants have no entries."""
    migrate(BEFORE)
    with unguarded(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM portal_auditentry")
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


def of(rollout: Rollout) -> Any:
    return Rollout.objects.select_related("environment", "release").get(pk=rollout.pk)


def test_rollouts_under_way_go_on(world: World) -> None:
    user = world.people["lead2"].user
    assert user
    tell(world.environments["prod"], required_approvals=2)
    waits = world.rollout(Phase.AWAITING_APPROVAL)
    actions.approve(world.people["lead"], waits, waits.plan_digest, "looked at it")
    paused = world.rollout(Phase.PAUSED, environment="dev", version="1.1.0")
    upgrade()
    for each in (waits, paused):
        now = of(each)
        assert doubts([now, now.environment, now.release]) == []
    votes = standing(of(waits))
    assert ([vote.name for vote in votes.counted], votes.needed, votes.doubts) == (["lead"], 2, ())
    actions.approve(world.people["lead2"], of(waits), waits.plan_digest, "looked at it")
    assert of(waits).phase == Phase.WAITING
    actions.resume(world.people["operator"], of(paused))
    call_command("audit", "verify", without_heads="A test publishes none.")


def test_what_is_written_afterwards_is_not_told_again(world: World) -> None:
    upgrade()
    told = AuditEntry.objects.filter(verb="history.baseline").count()
    assert told == AuditEntry.objects.count() > 0
    inserted = of(world.rollout(Phase.SUCCEEDED))
    inserted.pk, inserted.phase = None, Phase.WAITING
    inserted.save()
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())
    assert AuditEntry.objects.filter(verb="history.baseline").count() == told
    assert len(doubts([of(inserted)])) == 1


def test_who_asked_and_voted_is_frozen_of_before_too(world: World) -> None:
    rollout = world.rollout(Phase.WAITING)
    upgrade()
    now = of(rollout)
    developer = world.people["developer"].user
    assert developer
    assert (now.requester_account, now.requester_username) == (developer.pk, "developer")
    assert now.needed == 1
    vote = now.approvals.get()
    assert (vote.username, vote.own, standing(now).enough) == ("chief0", True, True)
