"""The heartbeat of a job, a thread: renews its lease, stores its progress, hears of its cancellation."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import Error, connection
from django.utils import timezone

from portal.models import Job
from portal.orchestration.jobs.leasing import JobLease
from portal.orchestration.jobs.progress import Progress, Rate
from portal.orchestration.jobs.slots import Slot

log = structlog.get_logger(__name__)
BEAT = 1.0  # progress is stored no more often


class Pulse(threading.Thread):
    """Beats once a second until stop(), on its own connection to the database.

    `stopping`: whether the worker is told to end. `quiet_seconds`: how long the job may go without a report.
    """

    def __init__(self, lease: JobLease, slot: Slot, stopping: Callable[[], bool], quiet_seconds: float) -> None:
        super().__init__(name="pulse", daemon=True)
        self.stopping = stopping
        self.progress: Progress | None = None
        self.cancel_asked = lease.row.cancel_asked_at is not None
        self.lost = False
        self._lease = lease
        self._slot = slot
        self._quiet_seconds = quiet_seconds
        self._stored: Progress | None = None
        self._rate = Rate()
        self._ended = threading.Event()

    def expect(self) -> None:
        """The job has reported, and is to do so again."""
        self._slot.expect(self._quiet_seconds)

    def stop(self) -> None:
        """Ends the thread, and waits a little for it."""
        self._ended.set()
        self.join(5)

    def run(self) -> None:
        while not self._ended.wait(min(BEAT, JobLease.seconds() / 8)):
            try:
                self.beat()
            except Error:
                # Whoever cannot renew is ended by the host process when the lease is over.
                log.exception("A job's lease could not be renewed.", job=self._lease.row.pk)
                connection.close()
        connection.close()

    def beat(self) -> None:
        """Once: hears, stores, renews."""
        mine = Job.objects.filter(pk=self._lease.row.pk, lease_owner=self._lease.owner)
        found = list(mine.values_list("cancel_asked_at", flat=True))
        if not found:
            self.lost = True
            return
        self.cancel_asked = found[0] is not None
        news = self.news()
        if (news or self._lease.left < 0.75 * JobLease.seconds()) and not self._lease.renew(news):
            self.lost = True
        self._slot.note()
        self._slot.hold(self._lease.until)

    def news(self) -> dict[str, Any]:
        """The fields of progress that is not stored yet."""
        progress = self.progress
        if progress is None or progress == self._stored:
            return {}
        self._rate.note(time.monotonic(), progress.done)
        self._stored = progress
        return _fields(progress, self._rate.per_second, timezone.now())


def _fields(progress: Progress, rate: float | None, at: datetime) -> dict[str, Any]:
    return {
        "done": progress.done,
        "total": progress.total,
        "unit": progress.unit[:20],
        "rate": rate,
        "progress_at": at,
    }
