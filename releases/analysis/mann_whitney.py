"""The one-sided Mann-Whitney U test: whether one sample tends to larger values than another. Pure."""

from collections import Counter
from collections.abc import Sequence
from math import comb, erfc, sqrt

SMALL = 8
"""Up to here the exact distribution counts; beyond it the normal one is near enough."""


def chance_of_greater(sample: Sequence[float], other: Sequence[float]) -> float:
    """How likely chance alone makes `sample` this much greater than `other`, from 0 to 1.

    Neither may be empty or hold NaN. Exact where one of them has at most eight values and no two values are equal.
    """
    sizes = len(sample), len(other)
    greater = sum((one > two) + (one == two) / 2 for one in sample for two in other)
    ties = [count for count in Counter([*sample, *other]).values() if count > 1]
    if min(sizes) <= SMALL and not ties:
        return _exact(int(greater), *sizes)
    return _normal(greater, *sizes, ties)


def _exact(greater: int, size: int, other: int) -> float:
    """The share of orders with at least `greater` pairs; counted from the other end, since both ends are alike."""
    fewest = size * other - greater
    return sum(_orders(fewest, min(size, other), max(size, other))) / comb(size + other, size)


def _orders(most: int, smaller: int, larger: int) -> list[int]:
    """How many orders have 0, 1, ... `most` greater pairs: the coefficients of a Gaussian binomial."""
    orders = [1] + [0] * most
    for step in range(1, smaller + 1):
        for pairs in range(most, larger + step - 1, -1):
            orders[pairs] -= orders[pairs - larger - step]
        for pairs in range(step, most + 1):
            orders[pairs] += orders[pairs - step]
    return orders


def _normal(greater: float, size: int, other: int, ties: list[int]) -> float:
    """With half a pair for continuity; ties make the spread smaller, and all equal leave none."""
    both = size + other
    tied = sum(count**3 - count for count in ties) / (both * (both - 1))
    spread = sqrt(size * other * (both + 1 - tied) / 12)
    distance = greater - size * other / 2 - 0.5
    return erfc(distance / spread / sqrt(2)) / 2 if spread else 1.0
