"""Every template against a real Prometheus, which scrapes numbers that are known."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from math import isnan
from pathlib import Path

import pytest

from environments.kube.traffic import Route
from environments.outbound_sessions import prometheus_session
from environments.prometheus import Prometheus, PrometheusError
from releases.analysis.judge import judge
from releases.analysis.measuring import measure
from releases.analysis.metrics import Metric
from tests.portal.http_server import answer, serve
from tests.releases.analysis.routes import ROUTERS, route

pytestmark = pytest.mark.lane("prometheus")

SUCCESS = Metric.from_json({"template": "success-rate"})
LATENCY = Metric.from_json({"template": "latency"})
BESIDE = Metric.from_json({"template": "latency", "compare": "higher-is-worse", "difference": 20})
OWN = Metric.from_json(
    {"name": "own", "query": 'sum(rate(http_requests_total{pod=~"{{pods}}"}[{{interval}}]))', "min": 1}
)
WINDOW = 10.0
MILLISECONDS = (10.0, 25.0, 100.0, 250.0)


@dataclass(frozen=True)
class Traffic:
    """Requests a second, and how long each takes; None: never one of this kind."""

    good: float | None
    bad: float | None
    milliseconds: float = 20.0


STABLE = Traffic(50, None)
CANARIES = {
    "fine": Traffic(50, None, 120),
    "flaky": Traffic(40, 10, 120),
    "dead": Traffic(None, 50, 120),
    "quiet": Traffic(0, 0, 120),
    "absent": Traffic(None, None),
}
HASH = "-5d4f8c7b9-abcde"


def labels(family: str, workload: str, side: str, code: int) -> str:
    canary = side == "canary"
    name = f"{workload}-canary" if canary else workload
    return {
        "istio_requests_total": 'reporter="REPORTER",destination_workload_namespace="shop",'
        f'destination_workload="{name}",'
        f'destination_service_namespace="shop",destination_service_name="{name}",response_code="{code}"',
        "nginx_ingress_controller_requests": f'namespace="shop",ingress="{workload}",status="{code}",'
        f'canary="{"shop-web-80" if canary else ""}"',
        "http_requests_total": f'namespace="shop",pod="{name}{HASH}",code="{code}"',
    }[family]


FAMILIES = {
    "istio_requests_total": ("istio_request_duration_milliseconds", 1.0),
    "nginx_ingress_controller_requests": ("nginx_ingress_controller_response_duration_seconds", 1000.0),
    "http_requests_total": ("http_request_duration_seconds", 1000.0),
}


def lines(seconds: float) -> Iterator[str]:
    """The exposition at a moment; a workload `own-…` is known by its pods alone, as without a mesh."""
    for case, canary in CANARIES.items():
        for family in FAMILIES:
            for side, traffic in (("canary", canary), ("stable", STABLE)):
                yield from _series(family, case, side, traffic, seconds)


def _series(family: str, case: str, side: str, traffic: Traffic, seconds: float) -> Iterator[str]:
    workload = f"own-{case}" if family == "http_requests_total" else case
    for code, each_second in ((200, traffic.good), (500, traffic.bad)):
        if each_second is None:
            continue
        count = 100 + each_second * seconds
        for reporter in ("source", "destination") if family == "istio_requests_total" else ("",):
            told = labels(family, workload, side, code).replace("REPORTER", reporter)
            yield f"{family}{{{told}}} {count}"
            histogram, scale = FAMILIES[family]
            for bound in MILLISECONDS:
                within = count if traffic.milliseconds <= bound else 0
                yield f'{histogram}_bucket{{{told},le="{bound / scale:g}"}} {within}'
            yield f'{histogram}_bucket{{{told},le="+Inf"}} {count}'


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped for as long as a window."""
    folder, began = tmp_path_factory.mktemp("prometheus"), time.monotonic()

    def expose(handler: BaseHTTPRequestHandler) -> None:
        body = "\n".join([*lines(time.monotonic() - began), ""]).encode()
        answer(handler, body=body, **{"Content-Type": "text/plain; version=0.0.4"})

    with serve() as server, socket.socket() as chosen:
        server.behave = expose
        jobs = [
            {"job_name": "edge", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}
        ]
        every = {"scrape_interval": "250ms", "scrape_timeout": "250ms"}
        (folder / "prometheus.yml").write_text(json.dumps({"global": every, "scrape_configs": jobs}))
        chosen.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{chosen.getsockname()[1]}"
        chosen.close()
        with running(folder, address):
            yield scraped(Prometheus(f"http://{address}", prometheus_session()))


class running:  # noqa: N801
    """A Prometheus process in a folder with its configuration."""

    def __init__(self, folder: Path, address: str) -> None:
        program = os.environ["SLIPWAY_TEST_PROMETHEUS"]
        places = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder}"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, *places, f"--web.listen-address={address}"], stdout=log, stderr=log
            )

    def __enter__(self) -> None:
        """It runs from the beginning."""

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait(10)


def scraped(prometheus: Prometheus) -> Prometheus:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            found = prometheus.query(f'count_over_time(up{{job="edge"}}[{WINDOW + 1:.0f}s])').series
            if found and found[0].points[0][1] >= 4 * WINDOW:
                return prometheus
        except PrometheusError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus has not scraped enough within a minute")


def of(router: str, case: str) -> Route:
    return route(router, case, service=case, object_name=case)


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize(
    ("case", "success", "verdict"),
    [("fine", 100.0, "pass"), ("flaky", 80.0, "fail"), ("dead", 0.0, "fail"), ("absent", None, "inconclusive")],
)
def test_the_success_rate_is_right(
    prometheus: Prometheus, router: str, case: str, success: float | None, verdict: str
) -> None:
    sample = measure(prometheus, SUCCESS, of(router, case), time.time(), WINDOW)

    assert sample.error == ""
    assert sample.canary == (success if success is None else pytest.approx(success))
    assert sample.stable == pytest.approx(100.0)
    assert sample.requests == (None if success is None else pytest.approx(50 * WINDOW, rel=0.1))
    assert judge(SUCCESS, sample).verdict == verdict


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize("metric", [SUCCESS, LATENCY], ids=lambda metric: metric.name)
def test_a_canary_that_nobody_asks_is_inconclusive(prometheus: Prometheus, router: str, metric: Metric) -> None:
    sample = measure(prometheus, metric, of(router, "quiet"), time.time(), WINDOW)

    assert sample.canary is not None
    assert isnan(sample.canary)
    assert sample.requests == 0
    assert judge(metric, sample).verdict == "inconclusive"


@pytest.mark.parametrize("router", ROUTERS)
def test_the_latency_is_right(prometheus: Prometheus, router: str) -> None:
    sample = measure(prometheus, LATENCY, of(router, "flaky"), time.time(), WINDOW)

    assert sample.canary == pytest.approx(248.5)
    assert sample.stable == pytest.approx(24.85)


def test_without_a_mesh_a_service_is_measured_by_its_pods(prometheus: Prometheus) -> None:
    flaky, dead = (
        measure(prometheus, SUCCESS, of("service", f"own-{case}"), time.time(), WINDOW) for case in ("flaky", "dead")
    )
    slow = measure(prometheus, LATENCY, of("service", "own-flaky"), time.time(), WINDOW)

    assert (flaky.canary, dead.canary) == (pytest.approx(80.0), 0.0)
    assert (slow.canary, slow.stable) == (pytest.approx(248.5), pytest.approx(24.85))


@pytest.mark.parametrize("router", ROUTERS)
def test_a_comparison_has_points_of_both_sides(prometheus: Prometheus, router: str) -> None:
    # A scrape that came late leaves a part of the window without two of them: the next look has it.
    until = time.monotonic() + 30
    sample = measure(prometheus, BESIDE, of(router, "fine"), time.time(), WINDOW)
    while len(sample.canary_points) + len(sample.stable_points) < 10 and time.monotonic() < until:
        time.sleep(0.5)
        sample = measure(prometheus, BESIDE, of(router, "fine"), time.time(), WINDOW)
    point = judge(BESIDE, sample)

    assert len(sample.canary_points) == len(sample.stable_points) == 5
    assert (point.verdict, point.high) == ("fail", pytest.approx(44.85))


def test_own_queries_are_asked_for_both_sides(prometheus: Prometheus) -> None:
    sample = measure(prometheus, OWN, of("service", "own-fine"), time.time(), WINDOW)

    assert (sample.canary, sample.stable) == (pytest.approx(50, rel=0.1), pytest.approx(50, rel=0.1))


def test_a_query_that_is_wrong_is_told_in_prometheus_words(prometheus: Prometheus) -> None:
    with pytest.raises(PrometheusError, match=r"it refuses the query: .*parse error") as error:
        prometheus.query("sum(rate(x[")
    assert not error.value.transient
    with pytest.raises(PrometheusError, match=r"it refuses the query: .*duplicate series"):
        prometheus.query("up + on() {__name__=~'istio_requests_total'}")
