"""The client of the benchmarks: it keeps its rate, and tells who answered and what failed."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks.routed_apps import ROUTES
from benchmarks.side_by_side import by_router, rounds
from benchmarks.traffic import Client, by, failed

HOST = "web.example.test"


class Edge(BaseHTTPRequestHandler):
    """Answers as `said` tells: (status, body), the last of them ever after."""

    protocol_version = "HTTP/1.1"
    said: list[tuple[int, str]]
    pause = 0.0
    asked: set[str]

    def do_GET(self) -> None:
        self.asked.add(self.headers["Host"])
        time.sleep(self.pause)
        status, body = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def edge() -> Iterator[type[Edge]]:
    handler = type("Here", (Edge,), {"said": [answered("a")], "asked": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler
        server.shutdown()


def answered(version: str, status: int = 200) -> tuple[int, str]:
    return status, json.dumps({"version": version})


def asked(edge: Any, rate: float, seconds: float) -> Client:
    client = Client(edge.url, HOST, rate)
    client.start()
    time.sleep(seconds)
    client.stop()
    return client


def test_the_rate_is_kept_while_answers_take_longer_than_the_time_between_two(edge):
    edge.pause = 0.05
    client = asked(edge, rate=40, seconds=1)
    assert 30 <= len(client.answers) <= 41
    assert edge.asked == {HOST}


def test_what_failed_is_told_apart_by_who_answered(edge):
    edge.said = [
        answered("a"),
        answered("b", 500),
        (503, '{"edge": "no ready endpoint of web"}'),
        (200, "not JSON"),
        answered("a"),
    ]
    client = asked(edge, rate=50, seconds=0.5)
    wrong = failed(client.answers)
    assert sorted((each.status, each.version) for each in wrong) == [(0, ""), (500, "b"), (503, "")]
    assert "no ready endpoint of web" in {each.words for each in wrong}
    assert len(by(client.answers, "a")) == len(client.answers) - 3


def test_who_answers_nothing_has_failed():
    client = Client("http://127.0.0.1:9", HOST, 100)
    client.start()
    with pytest.raises(RuntimeError, match=r"web\.example\.test is not answered by a"):
        client.wait_for("a", patience=0.2)
    client.stop()
    assert {each.status for each in client.answers} == {0}


def test_a_version_is_waited_for_until_it_answers(edge):
    edge.said = [*[answered("a")] * 10, answered("b")]
    client = Client(edge.url, HOST, 100)
    client.start()
    client.wait_for("b", patience=5)
    client.stop()
    assert by(client.answers, "b")


@pytest.mark.parametrize(("wanted", "services", "turns"), [(50, 4, 13), (4, 4, 1), (1, 4, 1), (0, 4, 0)])
def test_services_side_by_side_make_at_least_as_many_as_are_wanted(wanted, services, turns):
    assert rounds(wanted, range(services)) == turns


def test_every_router_has_a_row_in_the_order_in_which_it_came():
    runs = [type("Run", (), {"router": name}) for name in (*ROUTES, *ROUTES)]
    assert {name: len(mine) for name, mine in by_router(runs).items()} == dict.fromkeys(ROUTES, 2)
