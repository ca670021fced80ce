"""What people write as metrics: defaults, and words that say what is wrong with which field."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from releases.analysis.metrics import DEFAULTS, PLACEHOLDERS, Metric, read_metrics

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/measure-a-canary.md"

OWN = {"name": "queue", "query": 'sum(queue_depth{pod=~"{{pods}}"})', "max": 10}


def test_without_metrics_success_rate_and_latency_are_measured() -> None:
    success, latency = read_metrics(None)

    assert (success.name, success.min, success.max, success.unit) == ("success-rate", 99.0, None, "%")
    assert (latency.name, latency.min, latency.max, latency.unit) == ("latency", None, 500.0, "ms")
    assert read_metrics([]) == ()


@pytest.mark.parametrize("data", [OWN, {"template": "latency", "max": 300}, {"name": "success-rate"}])
def test_a_metric_survives_its_json(data: dict[str, Any]) -> None:
    metric = Metric.from_json(data)

    assert Metric.from_json(metric.to_json()) == metric


def test_a_limit_or_a_comparison_of_ones_own_stands_in_place_of_the_templates_limit() -> None:
    assert Metric.from_json({"template": "success-rate", "max": 100, "min": 90}).min == 90
    assert Metric.from_json({"template": "latency", "compare": "higher-is-worse", "difference": 50}).max is None


def test_a_window_is_as_long_as_the_interval_and_at_least_a_minute() -> None:
    assert Metric.from_json({"template": "latency", "interval": 5}).window == 60
    assert Metric.from_json({"template": "latency", "interval": 120}).window == 120
    assert Metric.from_json({"template": "latency", "interval": 5, "window": 10}).window == 10


def test_only_a_query_that_names_a_side_gives_two_numbers() -> None:
    assert DEFAULTS[0].both_sides
    assert Metric.from_json(OWN).both_sides
    assert not Metric.from_json(OWN | {"query": "sum(queue_depth)"}).both_sides


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "Metric without a name: name has to be of lower-case letters, digits and dashes."),
        ({"name": "Queue depth"}, "Metric Queue depth: name has to be"),
        ({"query": ""}, "Metric queue: query and template: give one of the two."),
        ({"template": "latency"}, "Metric queue: query and template: give one of the two."),
        ({"template": "speed"}, "Metric queue: template has to be one of success-rate, latency"),
        ({"max": None}, "Metric queue: min or max or compare is needed: without them nothing can fail."),
        ({"min": 11}, "Metric queue: min is 11, above max, 10."),
        ({"max": "10"}, "Metric queue: max has to be a number, not '10'."),
        ({"max": True}, "Metric queue: max has to be a number, not True."),
        ({"max": float("nan")}, "Metric queue: max has to be a number, not nan."),
        ({"interval": 0}, "Metric queue: interval is 0; it has to be from 1 to 3600."),
        ({"count": 1.5}, "Metric queue: count is 1.5; it has to be a whole number."),
        ({"window": 20}, "Metric queue: window is 20 s, shorter than the interval, 30 s."),
        ({"compare": "worse"}, "Metric queue: compare has to be higher-is-worse or lower-is-worse."),
        ({"difference": -1}, "Metric queue: difference has to be 0 or more."),
        ({"threshold": 3}, "Metric queue: threshold is not known; there are compare, count,"),
        (
            {"query": "up{pod='{{pod}}'}"},
            "Metric queue: query has {{pod}} in it; there are {{namespace}}, {{workload}}",
        ),
        ({"query": ["up"]}, "Metric queue: query has to be text."),
        ({"query": "x" * 4001}, "Metric queue: query is longer than 4000 characters."),
        (
            {"query": "sum(up)", "compare": "higher-is-worse"},
            "Metric queue: query has to have {{target}} or {{pods}} in it, or both sides give the same number.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_metric_and_the_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        Metric.from_json(OWN | change)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("latency", "Metrics are a list of objects."),
        ({"template": "latency"}, "Metrics are a list of objects."),
        (["latency"], "A metric is an object such as"),
        ([OWN, OWN], "Metric queue is there twice: give one of them another name."),
    ],
)
def test_what_is_no_list_of_metrics_is_refused(data: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_metrics(data)


def test_the_examples_of_the_documentation_are_read() -> None:
    page = PAGE.read_text()
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)

    assert [metric.name for block in blocks for metric in read_metrics(json.loads(block))] == [
        "success-rate",
        "latency",
        "latency-beside-stable",
        "queue",
    ]


def test_the_documentation_has_every_field_and_every_placeholder() -> None:
    page = PAGE.read_text()
    table = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`(?:\{\{)?(\w+)(?:\}\})?`", row)}

    assert named == {field.name for field in fields(Metric)} | set(PLACEHOLDERS)
