"""Whether the canary is worse than stable, by more than chance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from releases.analysis.mann_whitney import chance_of_greater

FEWEST = 5
"""Points a side below which the test cannot tell anything."""
SIGNIFICANCE = 0.05
HUGE = 1e300
"""From here on sums overflow; NaN is below nothing."""


@dataclass(frozen=True)
class Comparison:
    """`worse`: by how much the canary's mean is on the bad side of stable's; `p`: how likely chance alone does this."""

    canary: float
    stable: float
    worse: float
    p: float

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANCE


def compare(canary: Sequence[float], stable: Sequence[float], *, higher_is_worse: bool) -> Comparison | None:
    """The one-sided Mann-Whitney U test over the points of both sides; None where a side has too few numbers."""
    ours, theirs = _numbers(canary), _numbers(stable)
    if min(len(ours), len(theirs)) < FEWEST:
        return None
    means = fmean(ours), fmean(theirs)
    if higher_is_worse:
        return Comparison(*means, means[0] - means[1], chance_of_greater(ours, theirs))
    return Comparison(*means, means[1] - means[0], chance_of_greater(theirs, ours))


def _numbers(points: Sequence[float]) -> list[float]:
    return [point for point in points if abs(point) < HUGE]
