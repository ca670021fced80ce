"""From values and seconds to places in a drawing, and the round numbers that label an axis. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
HOUR = 3600
LONG, MOST_DIGITS = 100_000.0, 6
AIR = 0.08
"""Share of the range that is left free above and below what is drawn."""


@dataclass(frozen=True)
class ChartScale:
    """Linear: `low` is at place `start`, `high` at place `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def value_range(values: Iterable[float], unit: str) -> tuple[float, float]:
    """A range with room for all values; a percentage stays within 0 and 100 where they do, milliseconds begin at 0."""
    drawn = list(values) or [0.0, 1.0]
    low, high = min(drawn), max(drawn)
    air = (high - low) * AIR or abs(high) * AIR or 1.0
    bottom, top = low - air, high + air
    if unit == "%" and low >= 0 and high <= 100:
        return max(bottom, 0.0), min(top, 100.0)
    return (0.0 if unit == "ms" and low >= 0 else bottom), top


def ticks(low: float, high: float, about: int = 4) -> tuple[float, ...]:
    """Two to about that many round numbers within the range."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((each * power for each in ROUND if each * power >= rough), 10 * power)
    return _multiples(low, high, step)


def time_ticks(seconds: float, about: int = 4) -> tuple[float, ...]:
    """Round numbers of seconds from 0 on."""
    step = next((span for span in SPANS if span * about >= seconds), seconds / about)
    return _multiples(0.0, seconds, float(step))


def clock(seconds: float) -> str:
    """mm:ss, from an hour on h:mm:ss."""
    whole = max(0, round(seconds))
    minutes = f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // HOUR}:{minutes}" if whole >= HOUR else minutes


def tick_text(value: float, all_of: Sequence[float]) -> str:
    """The number with as many digits as all of them need, in thousands where they are long."""
    if max(map(abs, all_of)) >= LONG:
        return f"{value / 1000:g}k" if value else "0"
    digits = next((d for d in range(MOST_DIGITS) if all(abs(v - round(v, d)) < 1e-9 for v in all_of)), MOST_DIGITS)
    return f"{value:.{digits}f}"


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(number * step, 10) for number in range(first, last + 1))
