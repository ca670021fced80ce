"""The sandbox's own Prometheus: what its edge serves is measured by the very queries of the analysis."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from environments.kube.traffic import Route
from environments.outbound_sessions import prometheus_session
from environments.prometheus import Prometheus, PrometheusError
from releases.analysis.metrics import Metric
from releases.analysis.templates import queries
from sandbox import Sandbox
from tests.sandbox.world import workload

ROOT = Path(__file__).parents[3]
PATIENCE = 20
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "annotations": {"test.slipway/rps": "40"}},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=10, definitions=()) as running:
        failing = workload(behaviour={"error_rate": 0.25, "latency_ms": 30})
        for manifest in (failing, SERVICE):
            running.client.create({**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}})
        yield running


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "not within the time that it may take"
        time.sleep(0.2)


def value(sandbox: Sandbox, query: str) -> float:
    """The value of the only series, 0 where there is none."""
    series = Prometheus(sandbox.prometheus, prometheus_session()).query(query).series
    return series[0].points[-1][1] if series else 0.0


@pytest.mark.parametrize(("template", "low", "high"), [("success-rate", 70, 80), ("latency", 25, 50)])
def test_the_templates_measure_what_the_edge_serves(sandbox: Sandbox, template: str, low: float, high: float) -> None:
    served = Route("service", "default", "web", "web", stable="web", canary="web-canary")
    query = queries(Metric.from_json({"template": template}), served, "stable", 5).value
    eventually(lambda: low <= value(sandbox, query) <= high)


def test_real_time_counts_though_the_simulated_runs_faster(sandbox: Sandbox) -> None:
    query = 'sum(rate(istio_requests_total{reporter="source"}[10s]))'
    eventually(lambda: 30 <= value(sandbox, query) <= 50)


def test_a_prometheus_that_is_down_is_an_error_of_its_own(sandbox: Sandbox) -> None:
    sandbox.prometheus_faults.add("error", status=503)
    try:
        with pytest.raises(PrometheusError) as down:
            value(sandbox, "up")
        assert down.value.transient
    finally:
        sandbox.prometheus_faults.clear()
    assert value(sandbox, "vector(1)") == 1


def test_a_query_beyond_the_subset_is_refused_for_good_with_the_reason(sandbox: Sandbox) -> None:
    with pytest.raises(PrometheusError, match="topk") as refused:
        value(sandbox, "topk(1, web)")
    assert not refused.value.transient


def test_the_api_alone_has_no_prometheus() -> None:
    with Sandbox(controllers=False, definitions=()) as bare, pytest.raises(RuntimeError, match="has no Prometheus"):
        _ = bare.prometheus


def test_the_command_says_where_its_prometheus_is() -> None:
    command = [sys.executable, "-m", "sandbox", "--definitions", "none"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert Prometheus(said["prometheus"], prometheus_session()).query("vector(2)").series[0].points[-1][1] == 2
        process.terminate()
