"""Asking a Prometheus: what is sent, what comes back, and words for everything that can go wrong."""

import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from environments import prometheus
from environments.outbound_sessions import prometheus_session
from environments.prometheus import Prometheus, PrometheusError, QueryAnswer, Series, check_url, only, read_answer
from tests.patience import SOON
from tests.portal.http_server import Server, answer, serve


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as listening:
        yield listening


def prometheus_at(url: str, **options: Any) -> Prometheus:
    """One that is asked by the portal's own session."""
    return Prometheus(url, prometheus_session(), **options)


def says(server: Server, data: Any, status: int = 200, **headers: str) -> Prometheus:
    """A Prometheus that answers everything with this."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    server.behave = lambda handler: answer(handler, status, body, **headers)
    return prometheus_at(server.url(""), timeout=2)


def vector(*values: tuple[dict[str, str], str], **more: Any) -> dict[str, Any]:
    found = [{"metric": labels, "value": [1000.5, value]} for labels, value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": found}, **more}


def asked(server: Server) -> tuple[str, dict[str, str]]:
    parts = urlsplit(server.seen[-1].path)
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_an_instant_query_names_its_moment_and_its_token(server: Server) -> None:
    says(server, vector(({}, "1")))
    found = prometheus_at(server.url("/prefix/"), token="secret").query('sum(up{job="a"})', at=1000.5)

    assert found.series == (Series({}, ((1000.5, 1.0),)),)
    assert asked(server) == ("/prefix/api/v1/query", {"query": 'sum(up{job="a"})', "time": "1000.500"})
    assert server.seen[-1].headers["Authorization"] == "Bearer secret"


def test_a_query_without_a_moment_or_a_token_sends_neither(server: Server) -> None:
    says(server, vector()).query("up")

    assert asked(server)[1] == {"query": "up"}
    assert "Authorization" not in server.seen[-1].headers


def test_a_range_query_gives_points_in_order(server: Server) -> None:
    result = [{"metric": {"a": "b"}, "values": [[1, "2"], [3, "NaN"]]}]
    asking = says(server, {"status": "success", "data": {"resultType": "matrix", "result": result}})
    (series,) = asking.query_range("up", 1, 3, 2).series

    assert series.labels == {"a": "b"}
    assert series.points[0] == (1.0, 2.0)
    assert math.isnan(series.points[1][1])
    assert asked(server)[1] == {"query": "up", "start": "1.000", "end": "3.000", "step": "2.000"}


@pytest.mark.parametrize(("text", "value"), [("+Inf", math.inf), ("-Inf", -math.inf), ("1e3", 1000.0)])
def test_values_are_read_as_prometheus_writes_them(text: str, value: float) -> None:
    assert read_answer(vector(({}, text))).series[0].points == ((1000.5, value),)


def test_no_series_is_an_answer_and_warnings_are_kept() -> None:
    assert read_answer(vector(warnings=["a remote read failed"])) == QueryAnswer((), ("a remote read failed",))
    assert only(QueryAnswer(())) is None


def test_a_scalar_is_a_series_of_its_own() -> None:
    assert read_answer({"data": {"resultType": "scalar", "result": [1, "7"]}}).series == (Series({}, ((1.0, 7.0),)),)


def test_several_series_where_one_is_wanted_are_refused_with_what_they_differ_in() -> None:
    both = read_answer(vector(({"pod": "a", "job": "x"}, "1"), ({"pod": "b", "job": "x"}, "2")))

    with pytest.raises(PrometheusError, match=r"gives 2 series.*aggregate.*sum\(.*They differ in pod\.$") as error:
        only(both)
    assert not error.value.transient


BAD_QUERY = {"status": "error", "errorType": "bad_data", "error": 'invalid parameter "query": parse error'}


@pytest.mark.parametrize(
    ("status", "body", "words", "transient"),
    [
        (400, BAD_QUERY, 'it refuses the query: invalid parameter "query": parse error.', False),
        (422, {**BAD_QUERY, "errorType": "execution", "error": "many-to-many"}, "it refuses the query: many-to", False),
        (503, {**BAD_QUERY, "errorType": "timeout", "error": "query timed out"}, "query timed out (timeout).", True),
        (500, {**BAD_QUERY, "errorType": "internal", "error": "disk"}, "disk (internal).", True),
        (429, b"slow down", "it has too much to do (429).", True),
        (500, b"", "it answers with 500.", True),
        (502, b"<html>bad gateway</html>", "it answers with 502.", True),
        (503, b"", "it answers with 503.", True),
        (401, b"", "it wants a token, or another one (401).", False),
        (403, b"", "the token may not ask it (403).", False),
        (404, b"404 page not found", "there is no Prometheus API under this address (404).", False),
        (200, b"<html>Sign in</html>", "this is not a Prometheus: the answer is none of its API.", False),
        (200, {"hello": "world"}, "this is not a Prometheus: the answer is none of its API.", False),
        (200, [1, 2], "this is not a Prometheus: the answer is none of its API.", False),
        (200, b"", "this is not a Prometheus: the answer is none of its API.", False),
    ],
)
def test_an_answer_that_is_none_is_said_in_words(
    server: Server, status: int, body: Any, words: str, transient: bool
) -> None:
    with pytest.raises(PrometheusError) as error:
        says(server, body, status).query("up")

    assert str(error.value).startswith(f"Prometheus at 127.0.0.1:{server.port}: {words}")
    assert error.value.transient is transient


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"data": None},
        {"data": {"resultType": "vector", "result": [{"metric": {}}]}},
        {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "many"]}]}},
        {"data": {"resultType": "scalar", "result": [1]}},
        {"data": {"resultType": "string", "result": [1, "text"]}},
    ],
)
def test_a_body_of_another_shape_is_an_error_and_never_a_number(data: Any) -> None:
    with pytest.raises(PrometheusError) as error:
        read_answer(data)
    assert not error.value.transient


def test_a_redirect_is_not_followed(server: Server) -> None:
    asking = says(server, b"", 302, Location="http://169.254.169.254/")

    with pytest.raises(PrometheusError, match=r"a redirect to http://169\.254\.169\.254/: give") as error:
        asking.query("up")
    assert len(server.seen) == 1
    assert not error.value.transient


def test_a_connection_that_is_refused_may_work_later() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    with pytest.raises(PrometheusError, match="the connection is refused; nothing listens there") as error:
        prometheus_at(f"http://127.0.0.1:{port}").query("up")
    assert error.value.transient


def test_a_name_that_does_not_resolve_says_so() -> None:
    with pytest.raises(PrometheusError, match=r"prometheus\.invalid: its name does not resolve"):
        prometheus_at("http://prometheus.invalid").query("up")


def test_an_answer_that_does_not_come_is_not_waited_for(server: Server) -> None:
    release = threading.Event()
    server.behave = lambda handler: release.wait(2.5 * SOON) and None
    began = time.monotonic()
    try:
        with pytest.raises(PrometheusError, match=r"no whole answer within 0\.3 s") as error:
            prometheus_at(server.url(""), timeout=0.3).query("up")
    finally:
        release.set()
    assert error.value.transient
    assert time.monotonic() - began < SOON


def test_an_answer_that_drips_is_not_waited_for(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(500):
            handler.wfile.write(b" " * 10)
            handler.wfile.flush()
            time.sleep(0.05)

    server.behave = drip
    began = time.monotonic()
    with pytest.raises(PrometheusError, match=r"no whole answer within 0\.3 s"):
        prometheus_at(server.url(""), timeout=0.3).query("up")
    assert time.monotonic() - began < SOON


def test_an_answer_that_is_too_long_is_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "ANSWER_BYTES", 1000)

    with pytest.raises(PrometheusError, match="aggregate in the query") as error:
        says(server, b" " * 1001).query("up")
    assert not error.value.transient


def test_a_redirect_is_told_without_its_query(server: Server) -> None:
    asking = says(server, b"", 302, Location="https://sso.example/sign-in?state=hush")
    with pytest.raises(PrometheusError) as error:
        asking.query("up")
    assert "https://sso.example/sign-in" in str(error.value)
    assert "hush" not in str(error.value)


def test_an_answer_of_deep_json_is_none_of_its_api(server: Server) -> None:
    with pytest.raises(PrometheusError, match="this is not a Prometheus"):
        says(server, b"[" * 200_000).query("up")


def test_a_connection_that_breaks_is_tried_once_more(server: Server) -> None:
    good = json.dumps(vector(({}, "1"))).encode()
    server.behave = lambda handler: answer(handler, 200, good) if len(server.seen) > 1 else handler.connection.close()
    assert prometheus_at(server.url("")).query("up").series[0].points == ((1000.5, 1.0),)


def test_what_it_answers_is_not_asked_again(server: Server) -> None:
    with pytest.raises(PrometheusError):
        says(server, b"", 503).query("up")
    assert len(server.seen) == 1


def test_an_untrusted_certificate_is_said_and_not_passed_over(server: Server) -> None:
    with pytest.raises(PrometheusError) as error:
        prometheus_at(server.url("", scheme="https"), timeout=1).query("up")
    assert not error.value.transient


@pytest.mark.parametrize("url", ["http://prometheus.monitoring:9090/", "https://[::1]/prefix", "http://10.0.0.1"])
def test_addresses_of_inner_networks_are_an_operators_word(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is no address of a Prometheus"),
        ("prometheus:9090", "is no address of a Prometheus"),
        ("ftp://prometheus", "is no address of a Prometheus"),
        ("http://prometheus:99999", "is no address of a Prometheus"),
        ("http://user:word@prometheus", "has more than a path; a token has a field of its own"),
        ("http://prometheus/?a=b", "has more than a path"),
    ],
)
def test_a_wrong_address_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        prometheus_at(url)
