"""The loop hands out what is due, but no more than the workers get to before the tickets are void."""

import pytest
from django.utils import timezone

from releases.models import Rollout
from releases.rollout.loop import ROW, Loop
from releases.rollout.state import State
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
