"""What a container has written, of its present run and of the one before."""

from collections import deque
from typing import NamedTuple

LINES = 1000


class Line(NamedTuple):
    """`at` is the wall's time in seconds since 1970."""

    at: float
    text: str


class Log:
    """The last lines of one run."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=LINES)
        self.written = 0

    def add(self, at: float, text: str) -> None:
        self._lines.append(Line(at, text))
        self.written += 1

    def lines(self, since: float = 0.0) -> list[Line]:
        return [line for line in tuple(self._lines) if line.at >= since]

    def after(self, count: int) -> list[Line]:
        """What was written after the first `count` lines, as far as it is kept."""
        fresh = self.written - count
        return list(self._lines)[-fresh:] if fresh > 0 else []

    def tail(self, count: int) -> str:
        return "\n".join(line.text for line in self.lines()[-count:])
