"""Held against scipy, which the portal itself does without."""

import random
from collections.abc import Callable

import pytest
from scipy.stats import mannwhitneyu

from releases.analysis.mann_whitney import chance_of_greater

Samples = Callable[[random.Random, int], list[float]]
LARGEST = 40
NEAR = 1e-12


def continuous(chance: random.Random, size: int) -> list[float]:
    return [chance.gauss(100, 15) for _ in range(size)]


def rounded(chance: random.Random, size: int) -> list[float]:
    return [float(round(chance.gauss(100, 3))) for _ in range(size)]


def few_values(chance: random.Random, size: int) -> list[float]:
    return [chance.choice((-0.0, 0.0, 1.0)) for _ in range(size)]


def apart(chance: random.Random, size: int) -> list[float]:
    start = chance.choice((0, 1000))
    return [start + chance.random() for _ in range(size)]


def difference(sample: list[float], other: list[float]) -> float:
    """Of the two ways to ask, the one that scipy answers most differently."""
    greater = mannwhitneyu(sample, other, alternative="greater").pvalue
    less = mannwhitneyu(sample, other, alternative="less").pvalue
    return max(abs(chance_of_greater(sample, other) - greater), abs(chance_of_greater(other, sample) - less))


@pytest.mark.parametrize("kind", [continuous, rounded, few_values, apart])
def test_thousands_of_samples_are_judged_as_scipy_does(kind: Samples) -> None:
    chance = random.Random(kind.__name__)
    sizes = [(chance.randint(1, LARGEST), chance.randint(1, LARGEST)) for _ in range(1000)]
    found = [difference(kind(chance, one), kind(chance, two)) for one, two in sizes]
    assert max(found) < NEAR


def test_every_pair_of_small_sizes_is_judged_as_scipy_does() -> None:
    chance = random.Random(8)
    sizes = [(one, two) for one in range(1, 13) for two in range(1, 13)]
    assert max(difference(continuous(chance, one), continuous(chance, two)) for one, two in sizes) < NEAR


@pytest.mark.parametrize("size", [1, 5, 8, 9, LARGEST])
def test_where_all_are_equal_chance_explains_it(size: int) -> None:
    assert chance_of_greater([7.0] * size, [7.0] * 5) == 1.0
    assert difference([7.0] * size, [7.0] * 5) < NEAR


def test_by_hand() -> None:
    """Of the ten orders of two and three values one has the two on top, and two have all but one pair greater."""
    assert chance_of_greater([4, 5], [1, 2, 3]) == 1 / 10
    assert chance_of_greater([3, 5], [1, 2, 4]) == 2 / 10
    assert chance_of_greater([1, 2], [3, 4, 5]) == 1.0
