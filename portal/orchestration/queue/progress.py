"""When this host's queue cluster last did what: shared memory that its processes stamp and its parent reads.

Without locks, since a killed process would keep one: each stamp is one aligned write of a float.
"""

import time
from collections.abc import Callable
from enum import IntEnum
from multiprocessing.sharedctypes import RawArray


class Mark(IntEnum):
    """What is stamped, and by which process of the cluster."""

    POLLED = 0  # the pusher asked the database
    CLAIMED = 1  # the pusher took messages
    FINISHED = 2  # the monitor removed a message that was worked on


class Progress:
    """The stamps of one cluster. Made before its processes are, so that they share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stamps = RawArray("d", [clock(), 0.0, 0.0])

    def note(self, mark: Mark) -> None:
        """It happened now."""
        self._stamps[mark] = self._clock()

    def wedged(self, limit: float) -> str:
        """Why the cluster does not get on, though `limit` seconds went by; "" where it does or has no work."""
        polled, claimed, finished = self._stamps
        now = self._clock()
        if now - polled > limit:
            return f"the queue was not asked for work for {now - polled:.0f} s"
        if claimed > finished and now - max(claimed, finished) > limit:
            return f"work was taken and none finished for {now - max(claimed, finished):.0f} s"
        return ""


current = Progress()


def restart() -> Progress:
    """New stamps for a cluster that is about to start."""
    global current  # noqa: PLW0603 - processes that are forked later have to find it
    current = Progress()
    return current
