"""Metrics that move as those of an edge do, with what is hard about counters."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.metrics.registry import Metrics
from tests.sandbox.metrics.promql.test_quantiles import QUANTILES
from tests.sandbox.metrics.promql.test_values import WEB
from tests.sandbox.metrics.recorded import sample

TICK = 0.05
MILLISECONDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
SIDES = {"web": 7, "web-canary": 2}
POD = "-5d4f8c7b9-abcde"


@contextmanager
def moving(metrics: Metrics) -> Iterator[None]:
    """Moves them from now on, in a thread of its own."""
    _stand_still(metrics)
    ending = threading.Event()
    thread = threading.Thread(target=_move, args=(metrics, ending), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _stand_still(metrics: Metrics) -> None:
    """The tables of the other tests."""
    for series, (value,) in WEB.items():
        name, labels, number = sample(series, value)
        metrics.gauge(name, dict(labels), number)
    for case, (_, buckets, _) in enumerate(QUANTILES):
        for bound, count in buckets.items():
            metrics.gauge("h_bucket", {"case": str(case), "le": bound}, count)


def _move(metrics: Metrics, ending: threading.Event) -> None:
    began, tick = time.monotonic(), 0
    while not ending.wait(TICK):
        tick += 1
        _requests(metrics, tick)
        _oddities(metrics, time.monotonic() - began)


def _requests(metrics: Metrics, tick: int) -> None:
    for workload, each in SIDES.items():
        for index in range(each):
            code = "500" if (tick + index) % 11 == 0 else "200"
            _request(metrics, workload, code, (tick * 7 + index * 31) % 400 / 1000)


def _request(metrics: Metrics, workload: str, code: str, seconds: float) -> None:
    canary = workload != "web"
    mesh = {
        "destination_workload": workload,
        "destination_workload_namespace": "shop",
        "destination_service_name": workload,
        "destination_service_namespace": "shop",
        "response_code": code,
    }
    for reporter in ("source", "destination"):
        metrics.count("istio_requests_total", {**mesh, "reporter": reporter})
        labels = {**mesh, "reporter": reporter}
        metrics.observe("istio_request_duration_milliseconds", labels, seconds * 1000, MILLISECONDS)
    ingress = {"namespace": "shop", "ingress": "front", "status": code, "canary": "shop-web-80" if canary else ""}
    metrics.count("nginx_ingress_controller_requests", ingress)
    metrics.observe("nginx_ingress_controller_response_duration_seconds", ingress, seconds, SECONDS)
    own = {"namespace": "shop", "pod": f"own-{workload}{POD}", "code": code}
    metrics.count("http_requests_total", own)
    metrics.observe("http_request_duration_seconds", own, seconds, SECONDS)


def _oddities(metrics: Metrics, age: float) -> None:
    """One begins again every three seconds, one vanishes, one comes late, one comes and goes, one falls."""
    if age % 3 < TICK:
        metrics.forget("restarting_total", {})
    metrics.count("restarting_total", {"app": "web"}, by=3)
    metrics.gauge("falling", {}, 1000 - age)
    if age > 5:
        metrics.count("late_total", {"app": "web"}, by=0.5)
    for name, there in (("vanishing_total", age < 6), ("flapping_total", age % 5 < 2.5)):
        if there:
            metrics.count(name, {"app": "web"})
        else:
            metrics.forget(name, {})
