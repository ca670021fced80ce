"""A job worker: a process that leases one job straight from the table, carries it out, and ends."""

import os
import signal
import socket
import time
import uuid
from types import FrameType

import structlog
from django.db import Error, connection, connections, transaction
from django.utils import timezone

from portal.orchestration.jobs.execution import execute
from portal.orchestration.jobs.kinds import kind_of
from portal.orchestration.jobs.leasing import JOBS, JobLease
from portal.orchestration.jobs.pulse import Pulse
from portal.orchestration.jobs.slots import Slot

log = structlog.get_logger(__name__)
POLL = 0.5


class Stop:
    """Whether this process is told to end, by SIGTERM. SIGINT is for the orchestrator, which tells its workers."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


def work(slot: Slot, group: str) -> None:
    """Waits for a job, does it, and ends: the next one begins with a process of its own, whatever this one left.

    `group` stands in the name of what it holds, so that the orchestrator can tell its workers' leases.
    """
    stop = Stop()
    connections.close_all()
    slot.clear()
    while not stop():
        slot.note()
        if lease := _take(group):
            _do(lease, slot, stop)
            return
        time.sleep(POLL)


def _take(group: str) -> JobLease | None:
    try:
        return take_next(group)
    except Error:
        log.exception("No job could be leased.")
        connection.close()
        return None


def take_next(group: str) -> JobLease | None:
    """The job that is longest due, leased and taken; None where none is."""
    now = timezone.now()
    # A read first: on SQLite a transaction that finds nothing would still take the one lock for writing.
    if not JOBS.due(now).exists():
        return None
    with transaction.atomic():
        leased = JOBS.lease(now, 1)
    owner = f"{socket.gethostname()[:40]}/{os.getpid()}/{group}/{uuid.uuid4().hex}"
    taken = [lease for ticket in leased for lease in JOBS.take([ticket.pk], ticket.owner, owner)]
    return taken[0] if taken else None


def _do(lease: JobLease, slot: Slot, stop: Stop) -> None:
    slot.hold(lease.until)
    pulse = Pulse(lease, slot, stop, kind_of(lease.row.kind).quiet_seconds)
    pulse.start()
    try:
        execute(lease, pulse)
    finally:
        pulse.stop()
        slot.clear()
        connections.close_all()
