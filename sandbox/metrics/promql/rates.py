"""How fast a counter grew in a window, with Prometheus 2's extrapolation to the window's edges."""

from collections.abc import Sequence
from itertools import pairwise

from sandbox.metrics.promql.values import Element, Stretch, Vector, Window, distinct, divide, nameless

_NEAR = 1.1


def increase(window: Window) -> Vector:
    """The growth of each series with at least two samples."""
    return _each(window, 1.0)


def rate(window: Window) -> Vector:
    """The growth a second."""
    return _each(window, (window.end - window.start) / 1000)


def _each(window: Window, seconds: float) -> Vector:
    grown = [
        Element(nameless(stretch.labels), _extrapolated(stretch, window) / seconds)
        for stretch in window.series
        if len(stretch.times) > 1
    ]
    return distinct(grown)


def _extrapolated(stretch: Stretch, window: Window) -> float:
    growth = _growth(stretch)
    return growth * _factor(stretch, window, growth)


def _growth(stretch: Stretch) -> float:
    """A value that falls began again at 0."""
    lost = sum(before for before, after in pairwise(stretch.values) if after < before)
    return stretch.values[-1] - stretch.values[0] + lost


def _factor(stretch: Stretch, window: Window, growth: float) -> float:
    """By how much the growth between the first and last sample is stretched to reach the edges that are near."""
    sampled = (stretch.times[-1] - stretch.times[0]) / 1000
    between = sampled / (len(stretch.times) - 1)
    before = min((stretch.times[0] - window.start) / 1000, _to_zero(stretch.values, sampled, growth))
    after = (window.end - stretch.times[-1]) / 1000
    reached = sampled + sum(gap if gap < between * _NEAR else between / 2 for gap in (before, after))
    return divide(reached, sampled)


def _to_zero(values: Sequence[float], sampled: float, growth: float) -> float:
    """Seconds back to where the counter would have been 0: it cannot have begun before."""
    return sampled * (values[0] / growth) if growth > 0 and values[0] >= 0 else float("inf")
