"""The job workers of one orchestrator, as their owner sees them."""

import uuid
from multiprocessing.context import ForkProcess

import structlog
from django.conf import settings
from django.db import Error, connections

from portal.orchestration.jobs import host
from portal.orchestration.jobs.leasing import give_back_of
from portal.orchestration.jobs.slots import Slots
from portal.orchestration.queue import orphans

log = structlog.get_logger(__name__)


class JobWorkers:
    """SLIPWAY_JOB_WORKERS processes that do long jobs, and the host process that looks after them.

    Start it from the main thread, before any other thread is: its processes are forks, and die with their parent.
    """

    def __init__(self) -> None:
        self._group = uuid.uuid4().hex[:12]
        self._slots = Slots(settings.JOB_WORKERS)
        self._host: ForkProcess | None = None

    def start(self) -> None:
        """Starts the host, and it its workers; nothing where this orchestrator is to do no jobs."""
        if settings.JOB_WORKERS > 0:
            orphans.die_with_parent()
            connections.close_all()
            self._slots.note_host()
            self._host = host.start(self._slots, self._group)

    def wedged(self, limit: float) -> str:
        """Why they are not looked after any more, or ""; the owner then ends, so that its supervisor starts it anew."""
        if self._host is None:
            return ""
        return self._slots.wedged(limit) if self._host.is_alive() else "the host of the job workers has died"

    def tell(self) -> None:
        """Has jobs end at their next report; returns at once."""
        if self._host and self._host.is_alive():
            self._host.terminate()

    def stop(self, deadline: float) -> bool:
        """After `tell`: waits, then kills; jobs that were ended are given back at once. True where it was clean."""
        if self._host is None:
            return True
        clean = host.end(self._host, deadline)
        if clean and self._host.exitcode == 0:
            # The host has seen its workers end: nobody works on what they held.
            _give_back(self._group)
        return clean


def _give_back(group: str) -> None:
    try:
        if left := give_back_of(group):
            log.warning("Jobs were ended in the middle.", jobs=left)
    except Error:
        log.exception("Jobs could not be given back; their leases run out by themselves.")
