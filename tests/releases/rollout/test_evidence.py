"""What measurements add up to in a step."""

from typing import Any

import pytest

from environments.kube.traffic import Route
from releases.analysis.metrics import Metric
from releases.analysis.samples import Sample
from releases.engine.facts import Facts, View, Work
from releases.states import Phase
from releases.strategies.shared.evidence import Evidence

WEB = Route("istio", "shop", "web", "web", canary="web-canary", stable="web")
RATE = Metric.from_json({"template": "success-rate", "interval": 10, "count": 2})
BESIDE = Metric.from_json({"template": "latency", "compare": "higher-is-worse"})
SINCE = 1000.0


def evidence(*metrics: Metric, weight: int = 25, began: float = SINCE) -> Evidence:
    settings = {"metrics": [each.to_json() for each in metrics or (RATE,)]}
    return Evidence.of(settings, [WEB], weight, SINCE, began)


def view(now: float, memory: dict[str, Any]) -> View:
    return View(Work((), ()), Facts(now, Phase.PROGRESSING), memory)


def with_sample(memory: dict[str, Any], at: float, value: float | None, requests: float = 100, **more: Any) -> Any:
    sample = Sample("success-rate", "web", at, value, requests=requests, **more)
    return evidence().taken_in({**memory, "measured": {"web success-rate": sample.to_json()}}, at)[0]


@pytest.mark.parametrize(
    ("began", "now", "window"),
    [
        (SINCE, 1009.0, None),
        (SINCE, 1010.0, 10.0),
        (SINCE, 1030.0, 30.0),
        (SINCE, 1500.0, 60.0),
        (990.0, 1010.0, 10.0),
    ],
)
def test_a_measurement_is_due_after_an_interval_and_looks_back_to_where_the_weight_was_set(
    began: float, now: float, window: float | None
) -> None:
    due = evidence(began=began).due(view(now, {}))
    assert [each.window for each in due] == ([] if window is None else [window])


QUICK = Metric.from_json({"template": "success-rate", "interval": 2})


@pytest.mark.parametrize(
    ("began", "now", "window"),
    [(SINCE, 1002.0, None), (SINCE, 1004.0, 4.0), (900.0, 1002.0, 4.0), (998.0, 1003.0, 4.0)],
)
def test_no_measurement_looks_back_to_another_version_of_the_same_names(
    began: float, now: float, window: float | None
) -> None:
    due = evidence(QUICK, began=began).due(view(now, {}))
    assert [each.window for each in due] == ([] if window is None else [window])


def test_a_prometheus_slower_than_the_interval_leaves_time_to_look_at_what_came_in() -> None:
    sample = Sample("success-rate", "web", 1010.0, None, error="no answer within 5 s")
    memory, _ = evidence(QUICK).taken_in({"measured": {"web success-rate": sample.to_json()}}, 1015.0)
    assert evidence(QUICK).due(view(1015.0, memory)) == ()
    assert evidence(QUICK).next_in(view(1015.0, memory)) == 0.5
    assert len(evidence(QUICK).due(view(1015.5, memory))) == 1


def test_nothing_is_measured_before_the_weight_is_set() -> None:
    assert Evidence.of({"metrics": [RATE.to_json()]}, [WEB], 25, None).due(view(2000.0, {})) == ()


def test_a_sample_is_judged_once_and_kept_for_the_record() -> None:
    sample = Sample("success-rate", "web", 1010.0, 99.8, requests=100)
    memory, found = evidence().taken_in({"measured": {"web success-rate": sample.to_json()}}, 1010.0)
    assert [(each.point.verdict, each.weight) for each in found] == [("pass", 25)]
    assert evidence().taken_in(memory, 1010.0) == (memory, ())
    assert evidence().outcome(memory).way == "wait"
    assert evidence().outcome(with_sample(memory, 1020.0, 99.9)).way == "go"


def test_one_failure_is_enough() -> None:
    memory = with_sample({}, 1010.0, 42.0)
    assert evidence().outcome(memory).way == "fail"
    assert "42 %, below 99 %" in evidence().outcome(memory).words


def test_too_few_requests_are_no_doubt_while_the_window_fills_and_one_after() -> None:
    memory: dict[str, Any] = {}
    for at in (1010.0, 1020.0, 1030.0, 1040.0):
        memory = with_sample(memory, at, None, requests=3)
    assert evidence().outcome(memory).way == "wait"
    for at in (1060.0, 1070.0, 1080.0):
        memory = with_sample(memory, at, None, requests=3)
    assert evidence().outcome(memory).way == "ask"
    assert evidence().outcome(evidence().taken_up(memory)).way == "wait"


def test_what_no_second_try_mends_asks_at_once() -> None:
    memory = with_sample({}, 1010.0, None, error="The environment has no Prometheus.", transient=False)
    assert evidence().outcome(memory).way == "ask"
    assert evidence().outcome(memory).words == "The environment has no Prometheus."
    assert evidence().outcome(evidence().taken_up(memory)).way == "wait"


def test_a_promotion_needs_one_passing_look_at_each_metric() -> None:
    assert not evidence().has_passed_once({})
    assert evidence().has_passed_once(with_sample({}, 1010.0, 99.8))
    assert not evidence().has_passed_once(with_sample({}, 1010.0, 42.0))
    assert evidence().has_passed_once({}) is False


def test_what_gets_everything_is_not_compared_with_what_gets_nothing() -> None:
    assert evidence(BESIDE).metrics == (BESIDE,)
    assert evidence(BESIDE, weight=100).metrics == ()


def test_it_says_in_numbers_what_it_has_seen() -> None:
    assert evidence().words({}) == "nothing measured yet, passed 0 of 2"
    assert evidence().words(with_sample({}, 1010.0, 99.8)) == "success rate 99.8 % (limit ≥ 99), passed 1 of 2"
    doubt = with_sample({}, 1010.0, None, requests=3)
    assert evidence().words(doubt) == "success rate: 3 of 20 requests within 60 s, passed 0 of 2"
