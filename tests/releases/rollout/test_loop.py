"""The loop hands out what is due, but no more than the workers get to before the tickets are void."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from portal.orchestration.queue import sweeps
from releases.engine.state import State
from releases.models import Rollout
from releases.orchestrator.loop import FAR, ROW, Loop
from releases.states import Phase
from tests.releases.world import World


@pytest.fixture
def rollout(world: World) -> Rollout:
    return world.rollout(Phase.PROGRESSING, cursor=State().to_json(), due_at=timezone.now())


@pytest.mark.parametrize(("row", "sent"), [(0, 1), (ROW - 1, 1), (ROW, 0), (ROW + 50, 0)])
def test_nothing_is_leased_while_a_row_of_messages_waits(rollout: Rollout, row: int, sent: int) -> None:
    messages: list[tuple[object, ...]] = []
    assert Loop(lambda *message: messages.append(message), lambda: row).tick() == sent
    assert len(messages) == sent
    rollout.refresh_from_db()
    assert bool(rollout.lease_owner) is bool(sent)


def a_day_ahead() -> datetime:
    """As a clock that was a day fast has written it."""
    return timezone.now() + timedelta(days=1)


@pytest.mark.parametrize("phase", [Phase.PLANNING, Phase.WAITING, Phase.PROGRESSING, Phase.PAUSED])
def test_after_a_clock_was_put_back_nothing_waits_for_the_old_time(world: World, phase: Phase) -> None:
    rollout = world.rollout(phase, due_at=a_day_ahead(), lease_until=a_day_ahead(), lease_owner="gone")
    Loop().sweep()
    assert Loop(lambda *_: None, lambda: 0).tick() == 1
    rollout.refresh_from_db()
    assert rollout.lease_owner != "gone"


def test_a_vote_may_take_its_time(world: World) -> None:
    rollout = world.rollout(Phase.AWAITING_APPROVAL, due_at=a_day_ahead())
    Loop().sweep()
    rollout.refresh_from_db()
    assert rollout.due_at > timezone.now() + FAR


def test_what_others_look_after_is_called(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(sweeps, "_sweeps", [lambda: called.append("swept")])
    Loop().sweep()
    assert called == ["swept"]
