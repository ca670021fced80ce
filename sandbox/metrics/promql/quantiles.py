"""Quantiles of histograms, interpolated as Prometheus does."""

import math
from bisect import bisect_left
from itertools import accumulate, groupby
from operator import itemgetter

from sandbox.metrics.promql.nodes import NAME
from sandbox.metrics.promql.values import Element, Labels, Vector, distinct, divide, without

Bucket = tuple[float, float]


def histogram_quantile(share: float, vector: Vector) -> Vector:
    """One element for the buckets that differ by `le` alone; what has no readable `le` is left out."""
    groups: dict[Labels, list[Bucket]] = {}
    for element in vector:
        bound = _bound(element.labels)
        if bound is not None:
            groups.setdefault(without(element.labels, ("le",)), []).append((bound, element.value))
    return distinct([Element(without(key, (NAME,)), quantile(share, buckets)) for key, buckets in groups.items()])


def quantile(share: float, buckets: list[Bucket]) -> float:
    """Of buckets that are an upper bound and a cumulative count each.

    NaN without a bucket for all (+Inf), without a second one, and without observations.
    """
    if math.isnan(share):
        return math.nan
    if not 0 <= share <= 1:
        return math.copysign(math.inf, share)
    bounds, counts = _cumulative(buckets)
    if bounds[-1] != math.inf or len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    return _interpolated(share * counts[-1], bounds, counts)


def _interpolated(rank: float, bounds: list[float], counts: list[float]) -> float:
    """Linear inside its bucket. In the last bucket: its lower bound. In a first one not above 0: its upper bound."""
    last = len(bounds) - 1
    at = bisect_left(range(last), True, key=lambda index: counts[index] >= rank)
    if at == last:
        return bounds[last - 1]
    if at == 0:
        return bounds[0] if bounds[0] <= 0 else bounds[0] * divide(rank, counts[0])
    low, below = bounds[at - 1], counts[at - 1]
    return low + (bounds[at] - low) * divide(rank - below, counts[at] - below)


def _cumulative(buckets: list[Bucket]) -> tuple[list[float], list[float]]:
    """Bounds and counts by rising bound: equal bounds are added up, counts never fall."""
    merged = [
        (bound, sum(count for _, count in same))
        for bound, same in groupby(sorted(buckets, key=itemgetter(0)), key=itemgetter(0))
    ]
    return [bound for bound, _ in merged], list(accumulate((count for _, count in merged), max))


def _bound(labels: Labels) -> float | None:
    try:
        return float(dict(labels)["le"])
    except (KeyError, ValueError):
        return None
