"""Two workers on one rollout: the one whose lease is over can record nothing."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from portal.models import AuditEntry
from portal.steps.flow import Decision
from portal.steps.state import State, StepChange
from releases import events, wake
from releases.engine.decide import give_up
from releases.engine.facts import Work
from releases.models import Rollout, Step
from releases.orchestrator import recording
from releases.orchestrator.claims import CLAIMS, Claim, Lost
from releases.orchestrator.live_pass import LivePass
from releases.orchestrator.observe import observe
from releases.orchestrator.plan_cache import Loaded
from releases.plan.secret_values import Masks
from releases.states import Phase
from releases.vouched import Doubtful
from tests.releases.rollout.paper import WEB, plan_of
from tests.releases.telling import tell
from tests.releases.world import World


def claim(rollout: Rollout) -> Claim:
    """As the loop and a worker do it."""
    Rollout.objects.filter(pk=rollout.pk).update(due_at=timezone.now())
    with transaction.atomic():
        [ticket] = CLAIMS.lease(timezone.now(), 10)
    assert ticket.pk == rollout.pk
    return CLAIMS.take([rollout.pk], ticket.owner)[0]


def expire(rollout: Rollout) -> None:
    Rollout.objects.filter(pk=rollout.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def rollout(world: World) -> Rollout:
    return world.rollout(Phase.PROGRESSING, cursor=State().to_json())


def test_a_rollout_that_is_given_back_has_no_try_under_way(rollout: Rollout) -> None:
    mine = claim(rollout)
    mine.give_back()
    rollout.refresh_from_db()
    assert (rollout.cursor, rollout.lease_owner) == ({}, "")


def test_what_the_history_does_not_vouch_for_is_not_worked_on(rollout: Rollout) -> None:
    mine = claim(rollout)
    Rollout.objects.filter(pk=rollout.pk).update(phase=Phase.PAUSED)
    with pytest.raises(Doubtful):
        mine.reload()
    with pytest.raises(Doubtful), mine.locked():
        pass


def done() -> Decision:
    record = StepChange("forward", 0, "done", "applied", 1.0, 2.0)
    return Decision(State(index=1), Phase.PROGRESSING, steps=(record,))


LOADED = Loaded(Work.of(plan_of(WEB)), "", frozenset(), Masks(1))


def save(claim: Claim) -> bool:
    return LivePass(claim, LOADED).save(done(), last=True)


def test_a_stale_worker_records_no_step_twice(rollout: Rollout) -> None:
    stale = claim(rollout)
    expire(rollout)
    assert save(claim(rollout))
    with pytest.raises(Lost):
        save(stale)
    assert AuditEntry.objects.filter(verb="rollout.step-done").count() == 1
    assert Step.objects.filter(rollout=rollout, state="done").count() == 1


def test_a_worker_whose_lease_is_over_by_its_own_clock_writes_nothing(rollout: Rollout) -> None:
    late = claim(rollout)
    late.until -= 1000
    assert not late.may_write()
    with pytest.raises(Lost):
        save(late)


def test_what_a_person_wants_meanwhile_is_not_overwritten(rollout: Rollout) -> None:
    mine = claim(rollout)
    tell(Rollout.objects.get(pk=rollout.pk), intent="abort", version=mine.rollout.version + 1)
    assert not save(mine)
    mine.reload()
    assert mine.rollout.intent == "abort"


def test_who_is_woken_during_a_pass_is_looked_at_again(rollout: Rollout) -> None:
    mine = claim(rollout)
    wake.wake_all([rollout.pk])
    assert not save(mine)
    mine.reload()
    assert save(mine)


@pytest.mark.parametrize(
    ("change", "due"),
    [
        (lambda row: None, True),
        (lambda row: row.update(due_at=timezone.now() + timedelta(hours=1)), False),
        (lambda row: row.update(lease_until=timezone.now() + timedelta(seconds=9)), False),
        (lambda row: row.update(phase=Phase.FAILED), False),
    ],
)
def test_who_is_due(rollout: Rollout, change: Callable[..., None], due: bool) -> None:
    Rollout.objects.filter(pk=rollout.pk).update(due_at=timezone.now())
    change(Rollout.objects.filter(pk=rollout.pk))
    assert CLAIMS.due(timezone.now()).exists() is due


def test_a_rollout_that_is_given_up_keeps_nobodys_wish(rollout: Rollout) -> None:
    Rollout.objects.filter(pk=rollout.pk).update(intent="abort", intent_by="lead")
    mine = claim(rollout)
    ended = give_up(State(), observe(mine.rollout, LOADED.work, 0), "KeyError: 'spec'")
    assert LivePass(mine, LOADED).save(ended, last=True)
    rollout.refresh_from_db()
    assert (rollout.phase, rollout.intent, rollout.intent_by) == (Phase.FAILED, "", "")


def test_nobodys_row_is_written_once_the_history_is_locked(
    rollout: Rollout,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> None:
    later = timezone.now() + timedelta(minutes=1)
    waiting = world.rollout(Phase.WAITING, due_at=later)
    done: list[str] = []
    monkeypatch.setattr(events, "tell", lambda _: done.append("told"))
    monkeypatch.setattr(recording, "entry", lambda *_: done.append("entered"))
    mine = claim(rollout)
    ended = give_up(State(), observe(mine.rollout, LOADED.work, 0), "KeyError: 'spec'")
    with django_capture_on_commit_callbacks(execute=True):
        assert LivePass(mine, LOADED).save(ended, last=True)
        waiting.refresh_from_db()
        assert waiting.due_at == later
    waiting.refresh_from_db()
    assert waiting.due_at < later
    assert done == ["told", "entered", "entered"]
