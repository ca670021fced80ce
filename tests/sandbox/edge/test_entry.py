"""The edge's door: real HTTP requests, answered after as long as the pod takes."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from sandbox import Sandbox
from tests.sandbox.edge.objects import service
from tests.sandbox.world import pod

SLOW = 1.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=20, definitions=()) as running:
        running.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "d"}})
        made = pod("a", {"latency_ms": SLOW * 1000}, container={"ports": [{"containerPort": 8080}]})
        running.client.create({**made, "metadata": {**made["metadata"], "namespace": "d"}})
        running.client.create(service())
        end = time.monotonic() + 10
        while ask(running).status != 200:
            assert time.monotonic() < end, "the pod did not come in time"
            time.sleep(0.02)
        yield running


POOL = urllib3.PoolManager(maxsize=10, timeout=5, retries=False)


def ask(
    sandbox: Sandbox, host: str = "web.d", path: str = "/", method: str = "GET", **more
) -> urllib3.BaseHTTPResponse:
    return POOL.request(method, sandbox.entry + path, headers={"Host": host}, **more)


def test_the_host_header_chooses_with_or_without_a_port(sandbox: Sandbox):
    assert [ask(sandbox, host).status for host in ("web.d", "web.d:8080", "web.d.svc")] == [200, 200, 200]
    refused = ask(sandbox, "nobody.d", "/x")
    assert (refused.status, refused.json()) == (404, {"edge": "no route for nobody.d/x"})
    assert refused.headers["content-type"] == "application/json"


def test_requests_wait_as_long_as_the_pod_takes_but_not_for_each_other(sandbox: Sandbox):
    began = time.monotonic()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: ask(sandbox).status, range(10)))
    took = time.monotonic() - began
    assert answers == [200] * 10
    assert SLOW <= took < 5 * SLOW


def test_a_body_and_a_query_come_through(sandbox: Sandbox):
    answer = ask(sandbox, path="/x?y=1", method="POST", body=b"z" * 100_000)
    assert json.loads(answer.data)["path"] == "/x"


def test_what_was_asked_is_measured_with_its_time(sandbox: Sandbox):
    ask(sandbox)
    found = {sample.name: sample for sample in sandbox.metrics.samples() if dict(sample.labels).get("code") == "200"}
    total, seconds = found["http_requests_total"].value, found["http_request_duration_seconds_sum"].value
    assert seconds / total == pytest.approx(SLOW, abs=0.01)
