"""Quantiles of histograms."""

import math

import pytest

from tests.sandbox.metrics.recorded import ask, history

INF = float("inf")
PLAIN = {"0.1": 10, "0.5": 40, "1": 90, "+Inf": 100}

QUANTILES = [
    (0.05, PLAIN, 0.05),
    (0.1, PLAIN, 0.1),
    (0.25, PLAIN, 0.1 + 0.4 * 15 / 30),
    (0.5, PLAIN, 0.5 + 0.5 * 10 / 50),
    (0.9, PLAIN, 1),
    (0.99, PLAIN, 1),
    (1, PLAIN, 1),
    (0, PLAIN, 0),
    (-0.1, PLAIN, -INF),
    (1.1, PLAIN, INF),
    (math.nan, PLAIN, math.nan),
    # No bucket for all, no second bucket, no observations.
    (0.5, {"0.1": 10, "1": 20}, math.nan),
    (0.5, {"+Inf": 20}, math.nan),
    (0.5, {"1": 0, "+Inf": 0}, math.nan),
    (0.5, {"0": 0, "+Inf": 0}, math.nan),
    # A first bucket that begins nowhere.
    (0.5, {"0": 10, "+Inf": 10}, 0),
    (0.5, {"-1": 10, "1": 10, "+Inf": 10}, -1),
    # The same bound written twice is added up.
    (0.5, {"1": 5, "1.0": 5, "2": 20, "+Inf": 20}, 1),
    # Counts that fall are lifted.
    (0.5, {"1": 10, "2": 6, "+Inf": 20}, 1),
    (0, {"1": 0, "2": 5, "+Inf": 5}, math.nan),
    (0.5, {"nonsense": 7, "1": 10, "+Inf": 10}, 0.5),
    (0.5, {"1": math.nan, "+Inf": 10}, 1),
]


@pytest.mark.parametrize(("share", "buckets", "expected"), QUANTILES)
def test_a_quantile_is_interpolated_as_prometheus_does(share, buckets, expected):
    kept = history({f'h_bucket{{app="a",le="{bound}"}}': [count] for bound, count in buckets.items()})
    answer = ask(kept, f"histogram_quantile({share}, h_bucket)")
    assert {series: float(value) for series, value in answer.items()} == {
        "{app=a}": pytest.approx(expected, rel=1e-12, nan_ok=True)
    }


def test_what_has_no_le_is_left_out():
    assert ask(history({'h{app="a"}': [1]}), "histogram_quantile(0.5, h)") == {}


def test_the_usual_query_gives_one_value_a_group():
    table = {
        'h_bucket{app="a",le="1",pod="x"}': [0, 10],
        'h_bucket{app="a",le="+Inf",pod="x"}': [0, 20],
        'h_bucket{app="a",le="1",pod="y"}': [0, 20],
        'h_bucket{app="a",le="+Inf",pod="y"}': [0, 20],
    }
    query = "histogram_quantile(0.5, sum by (app, le) (rate(h_bucket[10s])))"
    assert ask(history(table), query, at=10) == {"{app=a}": "0.6666666666666666"}
