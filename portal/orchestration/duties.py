"""What the orchestrator does every so many seconds, so that nothing hangs on one message of the queue."""

import time
from collections.abc import Callable

import structlog
from django.db import Error

log = structlog.get_logger(__name__)
Work = Callable[[], object]


class Duty:
    """What is done every so many seconds, by each orchestrator."""

    def __init__(self, seconds: float, work: Work, clock: Callable[[], float] = time.monotonic) -> None:
        self.work = work
        self._seconds = seconds
        self._clock = clock
        self._due = 0.0

    def do(self) -> None:
        """Does it if it is time. What it raises is logged and keeps no other from its work, but for the database's."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + self._seconds
        try:
            self.work()
        except Error:
            raise
        except Exception:
            log.exception("A duty of the orchestrator failed.", duty=getattr(self.work, "__qualname__", ""))


_registered: list[tuple[float, Work]] = []


def every(seconds: float) -> Callable[[Work], Work]:
    """Decorates a function that the orchestrator calls every so many seconds: it reads first, and ends soon."""

    def register(work: Work) -> Work:
        if (seconds, work) not in _registered:
            _registered.append((seconds, work))
        return work

    return register


def duties() -> list[Duty]:
    """One of each that is registered, due at once."""
    return [Duty(seconds, work) for seconds, work in _registered]
