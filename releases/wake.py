"""Bringing a rollout to the orchestrator's attention."""

from collections.abc import Collection

from django.utils import timezone

from portal.orchestration import leases
from releases.models import Rollout


def wake(rollout: Rollout) -> None:
    """The rollout is due now. Call it in the transaction of the change; other processes' loops see it in a tick."""
    rollout.due_at = timezone.now()
    wake_all([rollout.pk])


def wake_all(rollouts: Collection[int]) -> None:
    """The rollouts of these ids are due now."""
    leases.wake(Rollout, rollouts)
