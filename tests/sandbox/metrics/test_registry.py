"""Counters, gauges and histograms, and what a scrape reads of them."""

import re
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.metrics.registry import Metrics, MetricSample


def test_a_counter_adds_up_by_labels_in_any_order():
    metrics = Metrics()
    metrics.count("requests_total", {"code": "200", "app": "web"})
    metrics.count("requests_total", {"app": "web", "code": "200"}, by=2.5)
    metrics.count("requests_total", {"app": "web", "code": "500"}, by=0)
    assert metrics.samples() == [
        MetricSample("requests_total", (("app", "web"), ("code", "200")), 3.5),
        MetricSample("requests_total", (("app", "web"), ("code", "500")), 0.0),
    ]


def test_a_gauge_is_what_was_set_last():
    metrics = Metrics()
    metrics.gauge("pods", {}, 3)
    metrics.gauge("pods", {}, -1)
    assert metrics.samples() == [MetricSample("pods", (), -1.0)]


def test_a_histogram_counts_cumulatively_with_bounds_included():
    metrics = Metrics()
    for value in (0.1, 1, 1.5, 99):
        metrics.observe("seconds", {"app": "web"}, value, (1, 2.5, 10))
    assert {(s.name, dict(s.labels).get("le")): s.value for s in metrics.samples()} == {
        ("seconds_bucket", "1"): 2,
        ("seconds_bucket", "2.5"): 3,
        ("seconds_bucket", "10"): 3,
        ("seconds_bucket", "+Inf"): 4,
        ("seconds_sum", None): pytest.approx(101.6),
        ("seconds_count", None): 4,
    }


def test_the_exposition_says_help_type_and_escaped_labels():
    metrics = Metrics()
    metrics.count("requests", {"path": 'a"b\\c\nd'}, by=1_000_000)
    metrics.describe("requests", "All of them,\nback\\slash")
    metrics.gauge("free", {}, float("nan"))
    assert metrics.render() == (
        "# HELP requests All of them,\\nback\\\\slash\n"
        "# TYPE requests counter\n"
        'requests{path="a\\"b\\\\c\\nd"} 1e+06\n'
        "# HELP free \n"
        "# TYPE free gauge\n"
        "free NaN\n"
    )


def test_prometheus_own_parser_reads_back_every_sample():
    metrics = Metrics()
    metrics.count("requests_total", {"code": "200"}, by=7)
    metrics.gauge("pods", {"app": 'we"b\\\n'}, 2)
    for value in (1, 20, 3000):
        metrics.observe("milliseconds", {"app": "web"}, value, (5, 25, 3_600_000))
    read = [
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(metrics.render())
        for sample in family.samples
    ]
    assert sorted(read) == sorted(tuple(sample) for sample in metrics.samples())


def test_what_is_forgotten_is_gone_with_all_that_carry_the_labels():
    metrics = Metrics()
    for pod in ("a", "b"):
        metrics.count("requests", {"pod": pod, "code": "200"})
        metrics.observe("seconds", {"pod": pod}, 1, (1,))
    metrics.forget("requests", {"pod": "a"})
    metrics.forget("seconds", {"pod": "a"})
    metrics.forget("never", {"pod": "a"})
    assert {dict(sample.labels)["pod"] for sample in metrics.samples()} == {"b"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.count("a-b", {}), "'a-b' is no name of a metric"),
        (lambda m: m.count("known", {}, by=-1), "counter known cannot fall: -1"),
        (lambda m: m.gauge("known", {}, 1), "known is a counter, not a gauge"),
        (lambda m: m.count("known", {"a-b": "c"}), "'a-b' is no name of a label of known"),
        (lambda m: m.count("known", {"__name__": "c"}), "'__name__' is no name of a label of known"),
        (lambda m: m.count("known", {"code": 200}), "label code of known has to be text, not 200"),
        (lambda m: m.observe("seconds", {"le": "1"}, 1, (1,)), "'le' is no name of a label of seconds"),
        (lambda m: m.observe("other", {}, 1, (2, 1)), "the buckets of other have to rise"),
        (lambda m: m.observe("other", {}, 1, (1, float("inf"))), "leave out +Inf"),
        (lambda m: m.observe("sizes", {}, 1, (1, 2)), "histogram sizes has the buckets (1.0,), not (1, 2)"),
        (lambda m: m.observe("sizes", {"a": "b"}, 1, (2,)), "histogram sizes has the buckets (1.0,), not (2.0,)"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(call, words):
    metrics = Metrics()
    metrics.count("known", {})
    metrics.observe("sizes", {}, 1, (1,))
    with pytest.raises(ValueError, match=re.escape(words)):
        call(metrics)


def test_no_count_of_eight_threads_is_lost():
    metrics = Metrics()

    def work():
        for _ in range(2_000):
            metrics.count("requests", {"code": "200"})
            metrics.observe("seconds", {}, 1, (1,))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {sample.name: sample.value for sample in metrics.samples()}["requests"] == 16_000
    assert {sample.name: sample.value for sample in metrics.samples()}["seconds_count"] == 16_000
