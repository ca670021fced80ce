"""Medians, percentiles and spreads of measured seconds. Pure."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figures(NamedTuple):
    """Of one series of seconds."""

    count: int
    median: float
    least: float
    most: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figures":
        """ValueError where nothing was measured."""
        if not values:
            raise ValueError("Nothing was measured.")
        return cls(
            len(values),
            statistics.median(values),
            min(values),
            max(values),
            percentile(values, 95),
            percentile(values, 99),
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` percent of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * share / 100) - 1)]


def ratios(ours: Sequence[float], peers: Sequence[float]) -> list[float]:
    """Ours over the peer's, round by round."""
    return [mine / other for mine, other in zip(ours, peers, strict=True)]


def seconds(value: float) -> str:
    """ "1.23 s", or "45.6 ms" below a second."""
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def spread(values: Sequence[float]) -> str:
    """ "1.23 s (1.10 s to 1.40 s)": the median, the least and the most."""
    found = Figures.of(values)
    return f"{seconds(found.median)} ({seconds(found.least)} to {seconds(found.most)})"


def ratio_spread(values: Sequence[float]) -> str:
    """ "0.17 (0.16 to 0.19)"."""
    found = Figures.of(values)
    return f"{found.median:.3f} ({found.least:.3f} to {found.most:.3f})"
