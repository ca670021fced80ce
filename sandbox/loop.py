"""The one thread in which controllers, scheduler and kubelets do what is due."""

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from sandbox.clock import Clock, ManualClock

log = logging.getLogger(__name__)
Work = tuple[Callable[[Any], float | None], Hashable]
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 30.0
_BURST = 0.02


class WorkLoop:
    """A work queue without duplicates, and a heap of due times.

    Work is a function and its key. A function may return the simulated seconds after which it wants to run again.
    One that raises runs again after a growing pause. `intake` is called before every piece of work.
    """

    def __init__(self, clock: Clock, intake: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self._intake = intake
        self._woken = False
        self._queue: deque[Work] = deque()
        self._queued: set[Work] = set()
        self._heap: list[tuple[float, int, Work]] = []
        self._due: dict[Work, float] = {}
        self._failures: dict[Work, int] = {}
        self._count = itertools.count()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def soon(self, function: Callable[[Any], float | None], key: Hashable) -> None:
        """Run it as soon as what waits before it is done; from any thread."""
        work = (function, key)
        with self._wake:
            if work not in self._queued:
                self._queued.add(work)
                self._queue.append(work)
                self._wake.notify()

    def after(self, seconds: float, function: Callable[[Any], float | None], key: Hashable) -> None:
        """Run it after so many simulated seconds, or earlier if that was asked for before."""
        due = self.clock.seconds() + seconds
        work = (function, key)
        with self._wake:
            if self._due.get(work, float("inf")) <= due:
                return
            self._due[work] = due
            heapq.heappush(self._heap, (due, next(self._count), work))
            self._wake.notify()

    def wake(self) -> None:
        """Something came in: see to it."""
        with self._wake:
            self._woken = True
            self._wake.notify()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="sandbox-controllers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread:
            self._thread.join(timeout=5)

    def advance(self, seconds: float) -> None:
        """Without a thread, with a ManualClock: do all that falls due in so many seconds."""
        clock = self.clock
        assert isinstance(clock, ManualClock)
        end = clock.seconds() + seconds
        self._drain()
        while self._heap and self._heap[0][0] <= end:
            clock.advance_to(self._heap[0][0])
            self._drain()
        clock.advance_to(end)

    def _drain(self) -> None:
        self._intake()
        self._collect()
        while self._queue:
            self._do(self._take())
            self._intake()
            self._collect()

    def _collect(self) -> None:
        """Moves what is due into the queue."""
        now = self.clock.seconds()
        while self._heap and self._heap[0][0] <= now:
            due, _, work = heapq.heappop(self._heap)
            if self._due.get(work) != due:
                continue
            del self._due[work]
            if work not in self._queued:
                self._queued.add(work)
                self._queue.append(work)

    def _take(self) -> Work:
        work = self._queue.popleft()
        self._queued.discard(work)
        return work

    def _do(self, work: Work) -> None:
        function, key = work
        try:
            again = function(key)
        except Exception as error:  # noqa: BLE001 one object's trouble must not stop the others
            again = self._pause_after(work, error)
        else:
            self._failures.pop(work, None)
        if again is not None:
            self.after(again, function, key)

    def _pause_after(self, work: Work, error: Exception) -> float:
        count = self._failures[work] = self._failures.get(work, 0) + 1
        log.debug("%s of %s failed", getattr(work[0], "__qualname__", work[0]), work[1], exc_info=error)
        return min(_FIRST_PAUSE * float(2 ** min(count, 12)), _LONGEST_PAUSE)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping:
            self._intake()
            with self._wake:
                self._collect()
                work = self._take() if self._queue else None
                if work is None:
                    self._wait()
                    began = time.monotonic()
            if work is not None:
                self._do(work)
            if time.monotonic() - began > _BURST:
                time.sleep(_BURST / 20)  # hands the interpreter to the threads that answer requests
                began = time.monotonic()

    def _wait(self) -> None:
        if not self._woken and not self._stopping:
            self._wake.wait(self.clock.until(self._heap[0][0]) if self._heap else None)
        self._woken = False
