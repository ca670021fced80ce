"""The host process of job workers: starts them, replaces them, and ends those that hold a lease no longer.

It has no threads and no connection to the database, so that its forks are clean and nothing but the clock moves it.
"""

import os
import signal
import time
from multiprocessing import get_context
from multiprocessing.context import ForkProcess

import structlog

from portal.orchestration.jobs.slots import Slot, Slots
from portal.orchestration.jobs.worker import Stop, work

log = structlog.get_logger(__name__)
LOOK = 0.1
STOP_SECONDS = 6.0  # for a job to come to its next report
PAUSE = 0.5  # at least, between two starts in one slot
_fork = get_context("fork")


class Seat:
    """One slot, and the worker that sits in it."""

    def __init__(self, slot: Slot, group: str) -> None:
        self._slot = slot
        self._group = group
        self._started = 0.0
        self.worker: ForkProcess | None = None

    def tend(self) -> None:
        """Starts a worker where there is none, and kills one that must not go on."""
        if self.worker is None or not self.worker.is_alive():
            self._start()
        elif why := self._slot.overdue():
            log.error("A job worker is killed.", pid=self.worker.pid, why=why)
            self.kill()

    def _start(self) -> None:
        if time.monotonic() < self._started + PAUSE:
            return
        self._started = time.monotonic()
        self._slot.clear()
        self.worker = _fork.Process(target=work, args=(self._slot, self._group), name="job worker")
        self.worker.start()

    def tell(self) -> None:
        """Has its worker end at its job's next report."""
        if self.worker and self.worker.is_alive():
            self.worker.terminate()

    def kill(self) -> None:
        """Ends it now, also one that is stopped."""
        if self.worker and self.worker.is_alive():
            self.worker.kill()
            self.worker.join()

    @property
    def empty(self) -> bool:
        return self.worker is None or not self.worker.is_alive()


def supervise(slots: Slots, group: str) -> None:
    """Until SIGTERM; then it waits for its workers a little, and ends those that are left."""
    stop = Stop()
    seats = [Seat(slot, group) for slot in slots]
    while not stop():
        slots.note_host()
        for seat in seats:
            seat.tend()
        time.sleep(LOOK)
    _end(seats, slots)


def _end(seats: list[Seat], slots: Slots) -> None:
    until = time.monotonic() + STOP_SECONDS
    for seat in seats:
        seat.tell()
    while time.monotonic() < until and not all(seat.empty for seat in seats):
        slots.note_host()
        time.sleep(LOOK)
    for seat in seats:
        seat.kill()
    # Without the exit of an interpreter: what it inherited of its parent is its parent's to end.
    os._exit(0)


def start(slots: Slots, group: str) -> ForkProcess:
    """Starts the host process. Call it before any thread is there."""
    host = _fork.Process(target=supervise, args=(slots, group), name="job host")
    host.start()
    return host


def end(host: ForkProcess, deadline: float) -> bool:
    """Waits for its end, after it was told; kills it when the time is over. True where it ended by itself."""
    host.join(deadline)
    if not host.is_alive():
        return True
    os.kill(host.pid or 0, signal.SIGKILL)
    host.join(1)
    return False
