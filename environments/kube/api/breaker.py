"""A breaker: stops calls to a cluster of which half fail, and lets one through from time to time to try."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half-open"]


class Breaker:
    """Opens when `threshold` of at least `minimum` calls in the last `window` seconds failed.

    After `cool_down` seconds it is half open: one call goes through, whose outcome closes or opens it. A call
    of which nothing was heard for another `cool_down` gives way to the next. `on_change(state)` is called
    outside the lock. Thread safe.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        minimum: int = 10,
        window: float = 30.0,
        cool_down: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[BreakerState], None] | None = None,
    ) -> None:
        self.threshold = threshold
        self.minimum = minimum
        self.window = window
        self.cool_down = cool_down
        self.on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[tuple[float, bool]] = deque()
        self._state: BreakerState = "closed"
        self._since = clock()

    @property
    def state(self) -> BreakerState:
        return self._state

    def allow(self) -> bool:
        """Whether a call may be made now. Where it may, tell its outcome by success() or failure()."""
        with self._lock:
            if self._state == "closed":
                return True
            if self._clock() - self._since < self.cool_down:
                return False
            before = self._enter("half-open")
        self._tell(before)
        return True

    def success(self) -> None:
        """The call reached a server that is well."""
        with self._lock:
            before = self._enter("closed") if self._state == "half-open" else self._state
            self._note(failed=False)
        self._tell(before)

    def failure(self) -> None:
        """The call did not."""
        with self._lock:
            self._note(failed=True)
            before = self._state
            if before == "half-open" or (before == "closed" and self._too_many()):
                self._enter("open")
        self._tell(before)

    def _enter(self, state: BreakerState) -> BreakerState:
        before, self._state = self._state, state
        self._since = self._clock()
        self._calls.clear()
        return before

    def _note(self, *, failed: bool) -> None:
        now = self._clock()
        self._calls.append((now, failed))
        while self._calls[0][0] < now - self.window:
            self._calls.popleft()

    def _too_many(self) -> bool:
        failed = sum(failed for _, failed in self._calls)
        return len(self._calls) >= self.minimum and failed >= self.threshold * len(self._calls)

    def _tell(self, before: BreakerState) -> None:
        if self.on_change and before != self._state:
            self.on_change(self._state)
