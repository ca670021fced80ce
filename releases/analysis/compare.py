"""Whether the canary is worse than stable, by more than chance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

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
    worse = means[0] - means[1] if higher_is_worse else means[1] - means[0]
    return Comparison(*means, worse, _chance(ours, theirs, "greater" if higher_is_worse else "less"))


def _numbers(points: Sequence[float]) -> list[float]:
    return [point for point in points if abs(point) < HUGE]


def _chance(ours: list[float], theirs: list[float], alternative: str) -> float:
    if len(set(ours + theirs)) == 1:
        return 1.0
    from scipy.stats import mannwhitneyu  # a second and ninety megabytes, for those who compare alone

    return float(mannwhitneyu(ours, theirs, alternative=alternative).pvalue)
