"""How fast a job gets on. Pure."""

from collections import deque
from dataclasses import dataclass

WINDOW = 30.0


@dataclass(frozen=True)
class Progress:
    """How far a job is, in units: bytes, rows, files. `total` is None where nobody knows it."""

    done: int
    total: int | None = None
    unit: str = ""


class Rate:
    """Units a second over the last half minute, from looks at how much was done."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._looks: deque[tuple[float, int]] = deque()

    def note(self, at: float, done: int) -> None:
        """So much was done at a time of the monotonic clock. Less than before: it has begun anew."""
        if self._looks and done < self._looks[-1][1]:
            self._looks.clear()
        self._looks.append((at, done))
        # The last look before the window stays: the window is whole with it.
        while len(self._looks) > 2 and self._looks[1][0] <= at - self._window:
            self._looks.popleft()

    @property
    def per_second(self) -> float | None:
        """None until there are two looks."""
        if len(self._looks) < 2:
            return None
        (began, first), (ended, last) = self._looks[0], self._looks[-1]
        return (last - first) / (ended - began) if ended > began else None
