"""What a job has in its hands while it runs: its arguments, its fence, and the ways to report and to be stopped."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
from django.db import Error, connection

from portal.orchestration.jobs.leasing import JobLease
from portal.orchestration.jobs.progress import Progress
from portal.orchestration.jobs.pulse import Pulse
from portal.orchestration.leases import Lost

log = structlog.get_logger(__name__)
T = TypeVar("T")


class JobStopped(BaseException):
    """The job ends here. No `Exception`, so that no job takes it for a failure of its own; let it through."""


class Cancelled(JobStopped):
    """Somebody asked for it to stop."""


class WorkerStopping(JobStopped):
    """Its worker is told to end; another takes the job up."""


class LeaseLost(JobStopped):
    """It is not this worker's any more."""


class RunningJob:
    """A job in the hands of its worker.

    `token`: the fence; what is written outside carries it, and each later taking-up of any job has a higher one.
    `attempt`: counts how often it was begun, from 1. `checkpoint`: what the last `save_checkpoint` stored.
    """

    def __init__(self, lease: JobLease, pulse: Pulse, token: int) -> None:
        row = lease.row
        self.id: int = row.pk
        self.arguments: Mapping[str, Any] = row.arguments
        self.label, self.target = row.label, row.target
        self.attempt = row.attempts
        self.checkpoint: dict[str, Any] = row.checkpoint
        self.token = token
        self.cleaning = False
        """Whether it is being cleaned up after, which no cancellation stops."""
        self._lease = lease
        self._pulse = pulse

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for it to stop."""
        return self._pulse.cancel_asked

    def report(self, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        """It gets on; `done` of `total` units, where that can be said. Cheap: as often as you like.

        JobStopped where it is to stop: let that through. Call it before each write outside.
        """
        if done is not None:
            self._pulse.progress = Progress(done, total, unit)
        self._pulse.expect()
        if self._pulse.lost or self._lease.left <= 0:
            raise LeaseLost
        if self._pulse.stopping():
            raise WorkerStopping
        if self.cancelled and not self.cleaning:
            raise Cancelled

    def save_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Stores how far it is, as JSON, for whoever resumes it. JobStopped as `report`."""
        self.report()
        kept = dict(checkpoint)
        while_held(self._lease, lambda: must_save(self._lease, {"checkpoint": kept}))
        self.checkpoint = kept


def must_save(lease: JobLease, fields: dict[str, Any]) -> None:
    """Saves; Lost where the row has changed, which nobody but its holder does."""
    if not lease.save(fields):
        raise Lost


def while_held(lease: JobLease, action: Callable[[], T]) -> T:
    """Does it, again and again while the database fails and the lease lasts. LeaseLost."""
    while True:
        try:
            return action()
        except Lost:
            raise LeaseLost from None
        except Error:
            log.exception("The database failed under a job.", job=lease.row.pk)
            connection.close()
        if lease.left <= 1:
            raise LeaseLost
        time.sleep(0.5)
