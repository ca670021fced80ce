"""What is asked for a sample, and what becomes of the answers."""

from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

import pytest

from environments.prometheus import Prometheus, PrometheusError, QueryAnswer, Series
from releases.analysis.measuring import measure
from releases.analysis.metrics import Metric
from releases.analysis.samples import Sample
from tests.releases.analysis.routes import ROUTERS, route

SUCCESS = Metric.from_json({"template": "success-rate"})
BESIDE = Metric.from_json({"template": "latency", "compare": "higher-is-worse", "difference": 10})
OWN = Metric.from_json({"name": "depth", "query": "sum(queue_depth)", "max": 10})
COUNTED = Metric.from_json({"name": "depth", "query": "sum(queue_depth)", "max": 10, "minimum_requests": 5})
AT = 1000.0


@dataclass
class Answering(Prometheus):
    """Answers by what a query has in it; keeps what it was asked."""

    answers: dict[str, QueryAnswer] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def query(self, promql: str, at: float | None = None) -> QueryAnswer:
        self.asked.append(("instant", promql, str(at)))
        return self._found(promql)

    def query_range(self, promql: str, start: float, end: float, step: float) -> QueryAnswer:
        self.asked.append(("range", promql, f"{start:g} {end:g} {step:g}"))
        return self._found(promql)

    def _found(self, promql: str) -> QueryAnswer:
        return next((answer for words, answer in self.answers.items() if words in promql), QueryAnswer(()))


def gives(*values: float, **more: Any) -> QueryAnswer:
    return QueryAnswer((Series({}, tuple((AT, value) for value in values)),), **more)


def sampled(metric: Metric, answers: dict[str, QueryAnswer], **more: Any) -> tuple[Sample, Answering]:
    asking = Answering(answers)
    return measure(asking, metric, route("istio"), AT, 60, **more), asking


def test_a_sample_has_both_sides_and_the_canarys_requests() -> None:
    sample, asking = sampled(
        SUCCESS, {"increase": gives(40), '="web-canary"': gives(98), '="web"': gives(100, warnings=("w",))}
    )

    assert sample == Sample("success-rate", "web", AT, 98, 100, 40, warnings=("w",), window=60)
    assert {moment for _, _, moment in asking.asked} == {str(AT)}


def test_a_comparison_looks_at_parts_of_the_window_that_do_not_overlap() -> None:
    points = tuple(float(each) for each in range(10))
    sample, asking = sampled(BESIDE, {"[60s]": gives(5), "web-canary": gives(nan, *points), '="web"': gives(*points)})

    assert (sample.canary, sample.stable, sample.requests) == (5, 4.5, 5)
    assert sample.canary_points == sample.stable_points == points
    assert {span for kind, _, span in asking.asked if kind == "range"} == {"946 1000 6"}
    assert all("[6s]" in query for kind, query, _ in asking.asked if kind == "range")


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize("metric", [SUCCESS, BESIDE, OWN, COUNTED], ids=lambda metric: metric.name)
def test_no_metric_takes_more_than_four_questions(router: str, metric: Metric) -> None:
    asking = Answering({"": gives(1)})
    measure(asking, metric, route(router), AT, 60)

    assert 0 < len(asking.asked) <= 4


def test_no_series_is_no_value_and_nan_stays_nan() -> None:
    assert sampled(SUCCESS, {})[0] == Sample("success-rate", "web", AT, window=60)
    value = sampled(SUCCESS, {"": gives(nan)})[0].canary
    assert value is not None
    assert isnan(value)


def test_a_query_that_names_no_side_is_asked_once() -> None:
    sample, asking = sampled(OWN, {"queue_depth": gives(3)})

    assert (sample.canary, sample.stable, sample.requests) == (3, None, None)
    assert len(asking.asked) == 1


def test_an_own_query_with_a_minimum_counts_the_routers_requests() -> None:
    sample, _ = sampled(COUNTED, {"queue_depth": gives(3), "istio_requests_total": gives(7)})

    assert sample.requests == 7


def test_a_side_that_is_alone_has_nothing_beside_it() -> None:
    sample, asking = sampled(BESIDE, {"": gives(3)}, alone=True)

    assert (sample.canary, sample.stable, sample.stable_points) == (3, None, ())
    assert not any('destination_workload="web"' in query for _, query, _ in asking.asked)


def test_several_series_are_an_error_that_says_to_aggregate() -> None:
    both = QueryAnswer((Series({"pod": "a"}, ((AT, 1),)), Series({"pod": "b"}, ((AT, 2),))))
    sample, _ = sampled(OWN, {"": both})

    assert "aggregate, for example with sum(…)" in sample.error
    assert sample.canary is None
    assert not sample.transient


@pytest.mark.parametrize("transient", [True, False])
def test_what_goes_wrong_is_in_the_sample(monkeypatch: pytest.MonkeyPatch, transient: bool) -> None:
    def fails(*_given: object) -> QueryAnswer:
        raise PrometheusError("Prometheus at p:9090: no answer within 5 s.", transient=transient)

    monkeypatch.setattr(Answering, "query", fails)
    sample, _ = sampled(SUCCESS, {})

    assert sample == Sample(
        "success-rate", "web", AT, error="Prometheus at p:9090: no answer within 5 s.", transient=transient, window=60
    )
