"""What job workers and the host process that looks after them tell each other: shared memory, without locks.

Times are seconds of the monotonic clock, which all processes of a machine share. Each stamp is one aligned write.
"""

import time
from collections.abc import Callable, Iterator
from ctypes import Array, c_double
from enum import IntEnum
from math import inf
from multiprocessing.sharedctypes import RawArray

from portal.orchestration.jobs.leasing import JobLease

IDLE_LIMIT = 45.0  # seconds that a worker without a job may say nothing


class _Stamp(IntEnum):
    ALIVE = 0  # when the worker was seen last
    HELD_UNTIL = 1  # when its lease has to be renewed at the latest
    QUIET_UNTIL = 2  # when its job has to have reported at the latest


def margin() -> float:
    """Seconds before a lease's end by which its worker has to be gone, so that no two ever work at once."""
    return max(0.5, JobLease.seconds() / 10)


class Slots:
    """The stamps of some workers and of their host. Made before the processes are, so that they share it."""

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._host = RawArray("d", [clock()])
        self._workers = [Slot(RawArray("d", [clock(), inf, inf]), clock) for _ in range(count)]

    def __iter__(self) -> Iterator["Slot"]:
        return iter(self._workers)

    def note_host(self) -> None:
        """The host gets on."""
        self._host[0] = self._clock()

    def wedged(self, limit: float) -> str:
        """Why the host does not get on; "" where it does."""
        ago = self._clock() - self._host[0]
        return f"the job workers were not looked after for {ago:.0f} s" if ago > limit else ""


class Slot:
    """The stamps of one worker."""

    def __init__(self, stamps: "Array[c_double]", clock: Callable[[], float]) -> None:
        self._stamps = stamps
        self._clock = clock

    def note(self) -> None:
        """The worker gets on."""
        self._stamps[_Stamp.ALIVE] = self._clock()

    def hold(self, until: float) -> None:
        """It holds a job, by a lease until then."""
        self._stamps[_Stamp.HELD_UNTIL] = until - margin()

    def expect(self, seconds: float) -> None:
        """Its job reports again within so many seconds."""
        self._stamps[_Stamp.QUIET_UNTIL] = self._clock() + seconds

    def clear(self) -> None:
        """It holds nothing."""
        self._stamps[:] = [self._clock(), inf, inf]

    def overdue(self) -> str:
        """Why the worker has to be ended; "" where it has not."""
        alive, held, quiet = self._stamps
        now = self._clock()
        if now > held:
            return "its lease was not renewed"
        if now > quiet:
            return "its job did not report"
        if held == inf and now - alive > IDLE_LIMIT:
            return f"it was not seen for {now - alive:.0f} s"
        return ""
