"""Two people press at once: one wins, the other is told."""

import threading
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from portal.models import AuditEntry
from releases import actions
from releases.models import Approval, Rollout
from releases.states import LIVE, InvalidTransition, Phase
from tests.releases import world as worlds
from tests.releases.telling import tell
from tests.releases.world import World

several_times = pytest.mark.parametrize("turn", range(6))
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> World:
    return worlds.build()


def at_once(*works: Callable[[], object]) -> list[Exception | None]:
    """What each raised, all begun at the same moment."""
    barrier, results = threading.Barrier(len(works)), [None] * len(works)

    def run(index: int, work: Callable[[], object]) -> None:
        try:
            barrier.wait(5)
            work()
        except (InvalidTransition, PermissionDenied) as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def one_won(results: list[Exception | None]) -> bool:
    return [result is None for result in results].count(True) == 1


@several_times
def test_approve_and_reject(world: World, turn: int) -> None:
    rollout = world.rollout(Phase.AWAITING_APPROVAL)
    one, other = Rollout.objects.get(pk=rollout.pk), Rollout.objects.get(pk=rollout.pk)
    results = at_once(
        lambda: actions.approve(world.people["lead"], one, one.plan_digest, "good"),
        lambda: actions.reject(world.people["lead2"], other, other.plan_digest, "bad"),
    )
    assert one_won(results), results
    rollout.refresh_from_db()
    assert rollout.phase == (Phase.WAITING if results[0] is None else Phase.REJECTED)
    said = "Approved by lead" if results[0] is None else "Rejected by lead2: bad"
    assert said in str(results[0] or results[1])
    assert Approval.objects.filter(rollout=rollout).count() == 1


@several_times
def test_abort_and_promote(world: World, turn: int) -> None:
    rollout = world.rollout(Phase.PAUSED)
    one, other = Rollout.objects.get(pk=rollout.pk), Rollout.objects.get(pk=rollout.pk)
    results = at_once(
        lambda: actions.abort(world.people["lead"], one),
        lambda: actions.promote(world.people["operator"], other),
    )
    assert one_won(results), results
    rollout.refresh_from_db()
    assert rollout.intent == ("abort" if results[0] is None else "promote")


@several_times
def test_two_votes_of_one_person(world: World, turn: int) -> None:
    tell(world.environments["prod"], required_approvals=2)
    rollout = world.rollout(Phase.AWAITING_APPROVAL)
    copies = [Rollout.objects.get(pk=rollout.pk) for _ in range(2)]
    votes = (lambda each=each: actions.approve(world.people["lead"], each, each.plan_digest, "good") for each in copies)
    assert one_won(at_once(*votes))
    rollout.refresh_from_db()
    assert rollout.phase == Phase.AWAITING_APPROVAL


@several_times
def test_roll_back_and_retry(world: World, turn: int) -> None:
    older = world.rollout(Phase.FAILED)
    copies = [Rollout.objects.get(pk=older.pk) for _ in range(2)]
    results = at_once(
        lambda: actions.rollback(world.people["lead"], copies[0]),
        lambda: actions.retry(world.people["lead2"], copies[1]),
    )
    assert one_won(results), results
    assert Rollout.objects.filter(phase__in=LIVE).count() == 1


def test_two_requests_of_one_release(world: World) -> None:
    release = world.release()
    results = at_once(
        *(
            lambda name=name: actions.request(world.people[name], release, world.environments["prod"])
            for name in ("developer", "lead", "operator")
        )
    )
    assert one_won(results), results
    assert Rollout.objects.count() == 1
    assert AuditEntry.objects.filter(verb="rollout.requested").count() == 1


@several_times
def test_two_who_let_theirs_go_first(world: World, turn: int) -> None:
    live = world.rollout(Phase.PROGRESSING)
    older, newer = world.rollout(Phase.WAITING, version="1.1.0"), world.rollout(Phase.WAITING, version="1.2.0")
    at_once(
        lambda: actions.supersede(world.people["lead"], older),
        lambda: actions.supersede(world.people["lead2"], newer),
    )
    live.refresh_from_db()
    older.refresh_from_db()
    assert live.intent == "abort"
    assert (older.phase, older.superseded_by_id) == (Phase.CANCELLED, newer.pk)
