"""Aggregations over the series of a vector."""

import math
from collections.abc import Callable, Iterable, Sequence

from sandbox.metrics.promql.nodes import NAME
from sandbox.metrics.promql.values import Element, Labels, Vector, only, without


def aggregate(operator: str, vector: Vector, labels: frozenset[str], *, all_but: bool) -> Vector:
    """One element a group; a group is what has the same `labels`, or the same of `all_but` them and the name."""
    groups: dict[Labels, list[float]] = {}
    for element in vector:
        key = without(element.labels, labels | {NAME}) if all_but else only(element.labels, labels)
        groups.setdefault(key, []).append(element.value)
    return [Element(key, AGGREGATIONS[operator](values)) for key, values in groups.items()]


def _sum(values: Iterable[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


def _average(values: Iterable[float]) -> float:
    """The running mean, which cannot overflow; an infinity stays, unless its opposite or NaN comes."""
    mean = 0.0
    for count, value in enumerate(values, start=1):
        opposite = math.isinf(value) and (value > 0) != (mean > 0)
        if math.isinf(mean) and not opposite and not math.isnan(value):
            continue
        mean += value / count - mean / count
    return mean


def _extreme(values: Sequence[float], better: Callable[[float, float], bool]) -> float:
    """NaN only where all are."""
    best = values[0]
    for value in values[1:]:
        if better(value, best) or math.isnan(best):
            best = value
    return best


def _least(values: Sequence[float]) -> float:
    return _extreme(values, lambda value, best: value < best)


def _greatest(values: Sequence[float]) -> float:
    return _extreme(values, lambda value, best: value > best)


def _count(values: Sequence[float]) -> float:
    return float(len(values))


AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": _sum,
    "avg": _average,
    "min": _least,
    "max": _greatest,
    "count": _count,
}
