"""The HTTP API of the sandbox's Prometheus."""

import json
import math
import time
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from sandbox.faults import Faults
from sandbox.metrics import answers
from sandbox.metrics.history import History
from sandbox.metrics.registry import Metrics, MetricSample
from sandbox.metrics.server import PrometheusServer
from sandbox.serving import ListeningServer

START = 1_700_000_000


class Served(NamedTuple):
    url: str
    history: History
    faults: Faults


@pytest.fixture(scope="module")
def served():
    metrics, history, faults = Metrics(), History(), Faults()
    for second in range(120):
        history.record((START + second) * 1000, [MetricSample("c", (("app", "web"),), second * 5)])
    metrics.count("c_total", {"app": "web"}, by=600)
    serving = ListeningServer(PrometheusServer(metrics, history, faults).app, "127.0.0.1", 0, name="prometheus")
    yield Served("http://{}:{}".format(*serving.address), history, faults)
    serving.stop()


@pytest.fixture(scope="module")
def http():
    with urllib3.PoolManager(timeout=5, retries=False) as pool:
        yield pool


@pytest.fixture
def ask(served, http):
    def call(path, method="GET", **fields):
        place, body = (f"?{urlencode(fields)}", None) if method == "GET" else ("", urlencode(fields))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = http.request(method, f"{served.url}{path}{place}", body=body, headers=form)
        return answer.status, answer.json()

    return call


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_vector_by_get_and_by_post(ask, method):
    status, answer = ask("/api/v1/query", method, query="rate(c[1m])", time=str(START + 100.25))
    assert status == 200
    assert answer == {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"app": "web"}, "value": [START + 100.25, "5"]}]},
    }


@pytest.mark.parametrize("moment", ["1700000100", "1700000100.0", "2023-11-14T22:15:00Z", "2023-11-14T23:15:00+01:00"])
def test_a_time_is_seconds_or_rfc_3339(ask, moment):
    _, answer = ask("/api/v1/query", query="c", time=moment)
    assert answer["data"]["result"][0]["value"] == [START + 100, "500"]


def test_without_a_time_it_is_now(ask):
    _, answer = ask("/api/v1/query", query="1")
    assert answer["data"]["resultType"] == "scalar"
    assert abs(answer["data"]["result"][0] - time.time()) < 5


def test_a_range_selector_gives_raw_samples(ask):
    _, answer = ask("/api/v1/query", query="c[2s]", time=str(START + 3))
    assert answer["data"] == {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "c", "app": "web"},
                "values": [[START + 1, "5"], [START + 2, "10"], [START + 3, "15"]],
            }
        ],
    }


@pytest.mark.parametrize("step", ["30", "30s", "30.0"])
def test_a_range_of_times_has_only_points_with_a_value(ask, step):
    _, answer = ask("/api/v1/query_range", query="c > 200", start=str(START), end=str(START + 100), step=step)
    assert answer["data"] == {
        "resultType": "matrix",
        "result": [{"metric": {"__name__": "c", "app": "web"}, "values": [[START + 60, "300"], [START + 90, "450"]]}],
    }


def test_a_number_over_a_range_is_one_series_without_labels(ask):
    _, answer = ask("/api/v1/query_range", query="1 + 1", start="0", end="1", step="1")
    assert answer["data"]["result"] == [{"metric": {}, "values": [[0, "2"], [1, "2"]]}]


def test_over_a_range_too_a_series_is_seen_for_five_minutes(ask):
    _, answer = ask("/api/v1/query_range", query="c", start=str(START), end=str(START + 600), step="60")
    (row,) = answer["data"]["result"]
    assert [moment - START for moment, _ in row["values"]] == [0, 60, 120, 180, 240, 300, 360]


def test_a_time_is_rounded_to_a_millisecond(ask):
    assert ask("/api/v1/query", query="1", time="1.001")[1]["data"]["result"] == [1.001, "1"]


RANGE = {"query": "c", "start": "0", "end": "10", "step": "1"}
REFUSED = [
    ("query", {"query": "topk(1, c)"}, 400, "bad_data", 'invalid parameter "query": 1:1: parse error: the aggregation'),
    ("query", {}, 400, "bad_data", "no expression found in input"),
    ("query", {"query": "c", "time": "noon"}, 400, "bad_data", 'invalid parameter "time": cannot parse "noon"'),
    ("query", {"query": "c", "time": "inf"}, 400, "bad_data", 'cannot parse "inf" to a valid timestamp'),
    ("query", {"query": "c", "time": "2023-11-14"}, 400, "bad_data", 'invalid parameter "time"'),
    ("query_range", {**RANGE, "start": ""}, 400, "bad_data", 'invalid parameter "start": cannot parse ""'),
    ("query_range", {**RANGE, "end": "-1"}, 400, "bad_data", "end timestamp must not be before start time"),
    ("query_range", {**RANGE, "step": "0"}, 400, "bad_data", "zero or negative query resolution step widths"),
    ("query_range", {**RANGE, "step": "x"}, 400, "bad_data", 'invalid parameter "step": cannot parse "x"'),
    ("query_range", {**RANGE, "end": "11001"}, 400, "bad_data", "exceeded maximum resolution of 11,000 points"),
    ("query_range", {**RANGE, "query": "c[1m]"}, 400, "bad_data", 'invalid expression type "range vector" for range'),
    ("query_range", {**RANGE, "query": "c offset 1m"}, 400, "bad_data", "is not supported by the sandbox's Prometheus"),
    ("labels", {}, 404, "not_found", "has no /api/v1/labels"),
]


@pytest.mark.parametrize(("path", "fields", "status", "kind", "words"), REFUSED)
def test_what_cannot_be_answered_is_an_error_in_prometheus_form(ask, path, fields, status, kind, words):
    got, answer = ask(f"/api/v1/{path}", **fields)
    assert (got, answer["status"], answer["errorType"]) == (status, "error", kind)
    assert words in answer["error"]


def test_two_answers_are_an_error_of_the_execution(ask, served):
    served.history.record((START + 200) * 1000, [MetricSample("d", (), 1), MetricSample("e", (), 1)])
    status, answer = ask("/api/v1/query", query='-{__name__=~"d|e"}', time=str(START + 200))
    assert (status, answer["errorType"]) == (422, "execution")


@pytest.mark.parametrize("path", ["/-/ready", "/-/healthy"])
def test_it_is_ready_and_healthy(served, http, path):
    assert http.request("GET", served.url + path).status == 200


def test_metrics_are_there_to_be_scraped(served, http):
    answer = http.request("GET", f"{served.url}/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    (family,) = text_string_to_metric_families(answer.data.decode())
    assert [(sample.name, sample.labels, sample.value) for sample in family.samples] == [
        ("c_total", {"app": "web"}, 600)
    ]


@pytest.mark.parametrize(
    ("kind", "options", "status"), [("error", {}, 503), ("page", {"status": 502}, 502), ("slow", {"seconds": 0.3}, 200)]
)
def test_it_can_be_down_while_its_metrics_are_not(served, http, kind, options, status):
    served.faults.add(kind, **options)
    began = time.monotonic()
    try:
        answer = http.request("GET", f"{served.url}/api/v1/query", fields={"query": "1"})
        took = time.monotonic() - began
        assert answer.status == status
        assert took >= options.get("seconds", 0)
        assert http.request("GET", f"{served.url}/metrics").status == 200
    finally:
        served.faults.clear()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (1.5e-7, "0.00000015"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_values_are_text_as_prometheus_writes_them(value, text):
    assert answers.number(value) == text
    assert json.dumps(answers.instant(value, 1500)) == f'{{"resultType": "scalar", "result": [1.5, "{text}"]}}'
