"""What a sample says: tables of values and verdicts."""

import json
from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.analysis.judge import amount, judge
from releases.analysis.metrics import Metric
from releases.analysis.samples import Point, Sample

SUCCESS = Metric.from_json({"template": "success-rate"})
LATENCY = Metric.from_json({"template": "latency"})
BETWEEN = Metric.from_json({"name": "share", "query": "x", "min": 1, "max": 2})
BESIDE = Metric.from_json({"template": "latency", "compare": "higher-is-worse", "difference": 20})
BELOW = Metric.from_json({"template": "success-rate", "compare": "lower-is-worse", "difference": 0.5})
STEADY = (100.0, 101.0, 99.0, 102.0, 98.0, 100.0, 103.0, 97.0)


def sample(canary: float | None, **more: Any) -> Sample:
    return Sample("any", "web", 1000.0, canary, **{"requests": 100.0, **more})


def moved(by: float) -> tuple[float, ...]:
    return tuple(each + by for each in STEADY)


@pytest.mark.parametrize(
    ("metric", "value", "verdict", "why"),
    [
        (SUCCESS, 100.0, "pass", "100 %, at least 99 %"),
        (SUCCESS, 99.0, "pass", "99 %, at least 99 %"),
        (SUCCESS, 98.999, "fail", "98.999 %, below 99 %"),
        (SUCCESS, 0.0, "fail", "0 %, below 99 %"),
        (LATENCY, 500.0, "pass", "500 ms, at most 500 ms"),
        (LATENCY, 500.5, "fail", "500.5 ms, above 500 ms"),
        (LATENCY, inf, "fail", "infinite, above 500 ms"),
        (LATENCY, -inf, "inconclusive", "the value is infinite: the query divides by zero"),
        (BETWEEN, 1.5, "pass", "1.5, from 1 to 2"),
        (BETWEEN, 0.5, "fail", "0.5, below 1"),
        (BETWEEN, 2.5, "fail", "2.5, above 2"),
        (SUCCESS, nan, "inconclusive", "no data: the value is not a number (0 / 0)"),
        (LATENCY, nan, "inconclusive", "no data: the value is not a number (0 / 0)"),
        (SUCCESS, None, "inconclusive", "no data: the query gives no series"),
        (BETWEEN, None, "inconclusive", "no data: the query gives no series"),
    ],
)
def test_a_value_is_held_against_the_allowed_range(metric: Metric, value: float | None, verdict: str, why: str) -> None:
    point = judge(metric, sample(value))

    assert (point.verdict, point.why) == (verdict, why)


def test_nan_does_not_pass_where_only_an_upper_limit_is_set_as_it_does_with_argo_rollouts() -> None:
    upper_alone = Metric.from_json({"name": "errors", "query": "x", "max": 5})

    assert judge(upper_alone, sample(nan)).verdict == "inconclusive"


def test_no_data_and_nan_are_no_failures_as_they_are_with_flagger() -> None:
    assert {judge(SUCCESS, sample(value)).verdict for value in (None, nan)} == {"inconclusive"}


@pytest.mark.parametrize(
    ("requests", "value", "verdict", "why"),
    [
        (12.0, 100.0, "inconclusive", "12 of 20 requests within 60 s"),
        (12.0, 0.0, "inconclusive", "12 of 20 requests within 60 s"),
        (19.6, 100.0, "pass", "100 %, at least 99 %"),
        (0.0, nan, "inconclusive", "0 of 20 requests within 60 s"),
        (None, None, "inconclusive", "0 of 20 requests within 60 s"),
        (nan, 100.0, "inconclusive", "0 of 20 requests within 60 s"),
        (20.0, 90.0, "fail", "90 %, below 99 %"),
    ],
)
def test_too_few_requests_prove_nothing(requests: float | None, value: float | None, verdict: str, why: str) -> None:
    point = judge(SUCCESS, sample(value, requests=requests))

    assert (point.verdict, point.why) == (verdict, why)


def test_the_words_name_the_window_that_was_looked_at() -> None:
    assert judge(SUCCESS, sample(100.0, requests=3.0, window=12.4)).why == "3 of 20 requests within 12 s"


@settings(deadline=None, max_examples=300)
@given(
    value=st.none() | st.floats(),
    stable=st.none() | st.floats(),
    requests=st.none() | st.floats(min_value=0),
    points=st.lists(st.floats(), max_size=12),
    beside=st.lists(st.floats(), max_size=12),
)
def test_whatever_was_measured_only_a_number_with_requests_behind_it_passes(
    value: float | None, stable: float | None, requests: float | None, points: list[float], beside: list[float]
) -> None:
    measured = sample(value, stable=stable, requests=requests, canary_points=tuple(points), stable_points=tuple(beside))
    for metric in (SUCCESS, LATENCY, BETWEEN, BESIDE, BELOW):
        point = judge(metric, measured)
        json.dumps(point.to_json(), allow_nan=False)
        if point.verdict == "pass":
            assert value is not None
            assert isfinite(value)
            assert not metric.minimum_requests or (requests or 0) >= metric.minimum_requests - 0.5
            assert not metric.compare or min(sum(map(isfinite, side)) for side in (points, beside)) >= 5


@pytest.mark.parametrize(
    ("metric", "canary", "stable", "verdict", "why"),
    [
        (BESIDE, moved(0), STEADY, "pass", "100 ms beside 100 ms of stable, no worse"),
        (BESIDE, moved(-50), STEADY, "pass", "50 ms beside 100 ms of stable, no worse"),
        (BESIDE, moved(10), STEADY, "pass", "110 ms beside 100 ms of stable, within 20 ms"),
        (BESIDE, moved(50), STEADY, "fail", "150 ms beside 100 ms of stable: worse by 50 ms (p < 0.001)"),
        (BELOW, moved(-50), STEADY, "fail", "50 % beside 100 % of stable: worse by 50 % (p < 0.001)"),
        (BELOW, moved(50), STEADY, "pass", "150 % beside 100 % of stable, no worse"),
        (
            BESIDE,
            (1.0, 1.0, 1.0, 1.0, 900.0),
            (100.0,) * 5,
            "pass",
            "180.8 ms beside 100 ms of stable: the difference may be chance (p = 0.968)",
        ),
        (BESIDE, moved(50)[:4], STEADY, "inconclusive", "4 points of the canary and 8 of stable; 5 of each are needed"),
        (BESIDE, moved(50), (), "inconclusive", "8 points of the canary and 0 of stable; 5 of each are needed"),
        (
            BESIDE,
            (nan,) * 4 + moved(50)[:4],
            STEADY,
            "inconclusive",
            "4 points of the canary and 8 of stable; 5 of each are needed",
        ),
    ],
)
def test_the_canary_is_worse_only_by_more_than_the_difference_and_more_than_chance(
    metric: Metric, canary: tuple[float, ...], stable: tuple[float, ...], verdict: str, why: str
) -> None:
    point = judge(metric, sample(100.0, canary_points=canary, stable_points=stable))

    assert (point.verdict, point.why) == (verdict, why)


def test_the_way_forward_stays_open_when_stable_itself_is_bad() -> None:
    both_slow = judge(BESIDE, sample(900.0, canary_points=moved(800), stable_points=moved(800)))

    assert both_slow.verdict == "pass"


def test_a_range_holds_beside_a_comparison() -> None:
    metric = Metric.from_json({"template": "latency", "compare": "higher-is-worse", "max": 500})
    point = judge(metric, sample(600.0, canary_points=STEADY, stable_points=STEADY))

    assert (point.verdict, point.why) == ("fail", "600 ms, above 500 ms")


def test_the_limit_that_is_drawn_follows_stable_in_a_comparison() -> None:
    points = {"canary_points": STEADY, "stable_points": STEADY}

    assert judge(BESIDE, sample(100.0, **points)).high == 120.0
    assert judge(BELOW, sample(100.0, **points)).low == 99.5
    assert judge(SUCCESS, sample(100.0)).low == 99.0
    assert judge(BESIDE, sample(100.0)).high is None


def test_a_prometheus_that_is_down_is_an_error_and_no_verdict_on_the_release() -> None:
    point = judge(SUCCESS, Sample("success-rate", "web", 1000.0, error="Prometheus at p:9090: no answer within 5 s."))

    assert (point.verdict, point.why) == ("error", "Prometheus at p:9090: no answer within 5 s.")


def test_points_and_samples_are_proper_json() -> None:
    odd = sample(nan, stable=inf, requests=-inf, canary_points=(1.0,), warnings=("w",))
    stored = json.dumps(odd.to_json(), allow_nan=False)
    again = Sample.from_json(json.loads(stored))
    point = judge(LATENCY, again)

    assert again.stable == inf
    assert again.canary_points == (1.0,)
    assert point.canary is None
    assert Point.from_json(json.loads(json.dumps(point.to_json(), allow_nan=False))) == point


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 ms"),
        (99.0, "99 ms"),
        (99.25, "99.25 ms"),
        (0.0345678, "0.0346 ms"),
        (1234.5, "1234.5 ms"),
        (-2.5e12, "-2.5e+12 ms"),
    ],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert amount(value, "ms") == words
