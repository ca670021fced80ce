"""Rollouts are handed out when they are due, and none is forgotten."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from portal.orchestration import work
from portal.orchestration.loop import Loop
from releases.models import Rollout
from releases.orchestrator.work import FAR, ROLLOUTS, objects_changed
from releases.states import Phase
from tests.releases.world import World


def a_day_ahead() -> datetime:
    """As a clock that was a day fast has written it."""
    return timezone.now() + timedelta(days=1)


def test_rollouts_of_one_cluster_are_sent_together(world: World) -> None:
    rollout = world.rollout(Phase.PROGRESSING, due_at=timezone.now())
    messages: list[tuple[object, ...]] = []
    assert Loop(lambda *message: messages.append(message), lambda: 0).tick() == 1
    rollout.refresh_from_db()
    assert messages == [("releases.orchestrator.reconciler.advance", str(rollout.pk), rollout.lease_owner)]


@pytest.mark.parametrize("phase", [Phase.PLANNING, Phase.WAITING, Phase.PROGRESSING, Phase.PAUSED])
def test_after_a_clock_was_put_back_nothing_waits_for_the_old_time(world: World, phase: Phase) -> None:
    rollout = world.rollout(phase, due_at=a_day_ahead(), lease_until=a_day_ahead(), lease_owner="gone")
    work.sweep()
    assert Loop(lambda *_: None, lambda: 0).tick() == 1
    rollout.refresh_from_db()
    assert rollout.lease_owner != "gone"


def test_a_vote_may_take_its_time(world: World) -> None:
    rollout = world.rollout(Phase.AWAITING_APPROVAL, due_at=a_day_ahead())
    work.sweep()
    rollout.refresh_from_db()
    assert rollout.due_at > timezone.now() + FAR


@pytest.mark.parametrize(
    ("phase", "busy"),
    [(Phase.PLANNING, True), (Phase.PAUSED, True), (Phase.AWAITING_APPROVAL, False), (Phase.SUCCEEDED, False)],
)
def test_an_orchestrator_is_idle_where_none_is_planned_or_written(world: World, phase: Phase, busy: bool) -> None:
    world.rollout(phase)
    assert ROLLOUTS.busy() is busy
    assert work.idle() is not busy


def test_live_rollouts_whose_objects_changed_are_due(world: World) -> None:
    rollout = world.rollout(Phase.PROGRESSING, due_at=a_day_ahead())
    objects_changed(rollout.environment.cluster_id, ["another"])
    assert Rollout.objects.get(pk=rollout.pk).due_at > timezone.now()
    objects_changed(rollout.environment.cluster_id, [rollout.application.name])
    assert Rollout.objects.get(pk=rollout.pk).due_at <= timezone.now()
