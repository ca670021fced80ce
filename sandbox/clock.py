"""Time, as the simulated cluster lives it: possibly faster than the wall's."""

import datetime
import time
from typing import NamedTuple


class Moment(NamedTuple):
    """`seconds` counts simulated seconds; `stamp` is the wall's time as Kubernetes writes it."""

    seconds: float
    stamp: str


def stamp(epoch: float) -> str:
    """ "2026-11-21T07:58:05Z" for seconds since 1970."""
    return datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """With `speed` 10, ten simulated seconds pass in one second. Timestamps in objects stay the wall's."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"the sandbox's speed must be above 0, not {speed}")
        self.speed = speed
        self._start = time.time()
        self._origin = time.monotonic()

    def wall(self) -> float:
        return time.time()

    def seconds(self) -> float:
        """Simulated seconds; never goes back."""
        return self._start + (time.monotonic() - self._origin) * self.speed

    def moment(self) -> Moment:
        return Moment(self.seconds(), stamp(self.wall()))

    def until(self, due: float) -> float:
        """How many real seconds to wait for a simulated time, at least 0."""
        return max(0.0, (due - self.seconds()) / self.speed)


class ManualClock(Clock):
    """Stands still until it is told to advance."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        super().__init__()
        self._now = start

    def wall(self) -> float:
        return self._now

    def seconds(self) -> float:
        return self._now

    def advance_to(self, seconds: float) -> None:
        self._now = max(self._now, seconds)
