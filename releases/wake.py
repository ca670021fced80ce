"""Bringing a rollout to the orchestrator's attention."""

from collections.abc import Callable, Collection

from django.db import transaction
from django.utils import timezone

from releases.models import Rollout

_pokes: list[Callable[[], None]] = []


def on_wake(poke: Callable[[], None]) -> None:
    """Has `poke` called whenever this process wakes something: the loop of an orchestrator listens."""
    _pokes.append(poke)


def wake(rollout: Rollout) -> None:
    """The rollout is due now. Call it in the transaction of the change; other processes' loops see it in a tick."""
    rollout.due_at = timezone.now()
    wake_all([rollout.pk])


def wake_all(rollouts: Collection[int]) -> None:
    """The rollouts of these ids are due now."""
    if rollouts:
        Rollout.objects.filter(pk__in=rollouts).update(due_at=timezone.now())
        transaction.on_commit(poke)


def poke() -> None:
    """Has the loop of this process look at once."""
    for each in _pokes:
        each()
