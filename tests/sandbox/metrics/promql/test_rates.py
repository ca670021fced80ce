"""Counters over a time: extrapolation, resets, staleness; every 10 seconds from the start."""

import pytest

from tests.sandbox.metrics.recorded import ask, history

STEADY = [100 + 10 * step for step in range(13)]

RATES = [
    # Both edges on a sample: nothing to extrapolate.
    ("increase(c[1m])", STEADY, 60, 60),
    ("rate(c[1m])", STEADY, 60, 1),
    # Edges nearer than 1.1 intervals are reached.
    ("increase(c[55s])", STEADY, 63, 55),
    # The end is 12 s away, beyond 11: half an interval is added in its place. The start is 2 s away, and reached.
    ("increase(c[1m])", STEADY[:7], 72, 40 * (40 + 8 + 5) / 40),
    # Two samples are the least.
    ("increase(c[5s])", STEADY, 63, None),
    ("increase(c[10s])", STEADY, 60, 10),
    # A counter that began at 0 a moment ago is not stretched back beyond its zero.
    ("increase(c[1m])", [None] * 5 + [0, 10], 60, 10),
    ("increase(c[1m])", [None] * 5 + [5, 15], 60, 15),
    # Zero is further away than the threshold: half an interval.
    ("increase(c[1m])", [None] * 5 + [50, 60], 60, 15),
    # A fall is a beginning at 0.
    ("increase(c[30s])", [100, 110, 5, 15], 30, 25),
    ("increase(c[30s])", [100, 110, 0, 0], 30, 10),
    ("increase(c[30s])", [50, 20, 10, 0], 30, 30),
    # What does not move.
    ("rate(c[1m])", [7] * 7, 60, 0),
    # A gap: the samples around it count, its marker does not.
    ("increase(c[1m])", [10, 20, None, None, 50, 60, 70], 60, 60),
    # Nothing in the window.
    ("rate(c[10s])", STEADY[:3], 60, None),
    ("rate(c[1h30m])", STEADY, 120, 120 * (120 + 5) / 120 / 5400),
]


@pytest.mark.parametrize(("query", "values", "at", "expected"), RATES)
def test_a_counter_grows_as_prometheus_says(query, values, at, expected):
    wanted = {} if expected is None else {"{}": pytest.approx(expected, rel=1e-12)}
    assert {series: float(value) for series, value in ask(history({"c": values}), query, at).items()} == wanted


def test_a_window_may_reach_further_back_than_five_minutes():
    kept = history({"c": [10 * minute for minute in range(11)]}, every=60_000)
    assert ask(kept, "increase(c[10m])", at=600) == {"{}": "100"}


STALE = [
    ("c", [1, 2], 10, {"c{}": "2"}),
    ("c", [1, 2], 9.999, {"c{}": "1"}),
    ("c", [1], 300, {"c{}": "1"}),
    ("c", [1], 300.001, {}),
    ("c", [1], -0.001, {}),
    ("c", [1, None], 9.999, {"c{}": "1"}),
    ("c", [1, None], 10, {}),
    ("c", [1, None, 3], 15, {}),
    ("c", [1, None, 3], 20, {"c{}": "3"}),
    ("absent(c)", [1, None], 10, {"{}": "1"}),
    ("c[20s]", [1, None, 3, 4], 30, {"c{}": ["3", "4"]}),
    ("c[30s]", [1, None, 3, 4], 30, {"c{}": ["1", "3", "4"]}),
    ("c[10s]", [1, None, None], 25, {}),
]


@pytest.mark.parametrize(("query", "values", "at", "expected"), STALE)
def test_a_series_is_seen_for_five_minutes_unless_it_vanished(query, values, at, expected):
    assert ask(history({"c": values, "other": [0] * len(values)}), query, at) == expected
