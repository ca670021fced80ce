"""The leases of jobs, and what the orchestrator looks after."""

import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.models import Job
from portal.orchestration import leases, work
from portal.orchestration.jobs import kinds
from portal.orchestration.leases import Lease, Leases
from portal.orchestration.work import WorkKind

State = Job.State
OPEN = (State.PENDING, State.RUNNING)
FAR = timedelta(minutes=10)  # further ahead nothing is put off, unless the clock was put back since


class JobLease(Lease[Job]):
    """A worker's hold on a job; a heartbeat renews it."""


class JobLeases(Leases[Job, JobLease]):
    """Jobs that have not ended, of the kinds that this process knows."""

    def workable(self) -> QuerySet[Job]:
        return super().workable().filter(kind__in=kinds.names())


JOBS = JobLeases(Job, Q(state__in=OPEN), JobLease)


def give_back_of(group: str) -> int:
    """Gives back at once what workers of a group hold that are dead for certain; how many jobs."""
    rows = Job.objects.filter(lease_owner__contains=f"/{group}/")
    return rows.update(lease_owner="", lease_until=None, due_at=timezone.now()) if rows.exists() else 0


class JobWork(WorkKind):
    """Job workers lease by themselves; the loop only looks after what nobody would come back to."""

    def sweep(self, now: datetime) -> None:
        """As for other work, but a lease of before the clock was put back lasts while somebody renews it."""
        leases.wake(Job, self.forgotten(now))
        leases.void(Job.objects.filter(pk__in=_silent.of(self.leases.endless(now))), now)


class Silent:
    """Which of some leases nobody has renewed while they were looked at for a lease's length."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[int, datetime | None], float] = {}

    def of(self, rows: QuerySet[Any]) -> list[int]:
        now = self._clock()
        current = list(rows.values_list("pk", "lease_until"))
        self._seen = {key: self._seen.get(key, now) for key in current}
        return [pk for pk, until in current if now - self._seen[pk, until] >= JobLease.seconds()]


_silent = Silent()


def _forgotten(now: datetime) -> Collection[int]:
    free = Q(due_at=None) | Q(due_at__gt=now + FAR, lease_until=None)
    return list(Job.objects.filter(free, state__in=OPEN).values_list("pk", flat=True))


def _busy() -> bool:
    return settings.JOB_WORKERS > 0 and JOBS.workable().exists()


work.register(JobWork(name="jobs", leases=JOBS, forgotten=_forgotten, busy=_busy))
