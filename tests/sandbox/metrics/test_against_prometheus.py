"""A real Prometheus scrapes the sandbox's metrics, and both answer the same to the same questions.

Where they are held against each other exactly, the sandbox's evaluator works on the raw samples of the real one: the
instants of two scrapers differ, so their own samples only agree loosely.
"""

import math
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

from releases.analysis.metrics import Metric
from releases.analysis.templates import ROUTERS, Side, queries
from sandbox.faults import Faults
from sandbox.metrics.monitoring import Monitoring
from sandbox.metrics.registry import Metrics
from sandbox.metrics.server import PrometheusServer
from sandbox.serving import ListeningServer
from tests.releases.analysis.routes import route
from tests.sandbox.metrics.moving import moving
from tests.sandbox.metrics.promql.test_errors import MISSING, WRONG
from tests.sandbox.metrics.promql.test_quantiles import QUANTILES
from tests.sandbox.metrics.promql.test_values import VALUES
from tests.sandbox.metrics.real import Api, Said, copied, scraping

pytestmark = pytest.mark.lane("prometheus")

LONG = 16
OTHER_RULES = (2, 51)
COUNTERS = (
    "restarting_total",
    "vanishing_total",
    "late_total",
    "flapping_total",
    "falling",
    'istio_requests_total{reporter="source"}',
    "http_request_duration_seconds_sum",
)
# 5.5 s ends between scrapes; 1m reaches before the first one; 1s holds one sample, or two at its edges.
SIDES: tuple[Side, ...] = ("canary", "stable")
WINDOWS = ("1s", "2s", "5500ms", "10s", "1m", "1h30m")
# Two scrapers look at instants up to a second apart, at counters that move in uneven steps on a busy machine: over
# ten seconds that is a tenth at either edge.
LOOSELY = 0.2
STEADY = (
    'sum by (destination_workload) (rate(istio_requests_total{reporter="destination"}[10s]))',
    'sum(increase(nginx_ingress_controller_requests{status!~"5.*"}[10s]))',
    "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[10s])))",
    'sum(rate(http_requests_total{code="200"}[10s])) / sum(rate(http_requests_total[10s])) * 100',
    "sum by (app) (web)",
)
METRICS = (
    Metric.from_json({"template": "success-rate"}),
    Metric.from_json({"template": "latency"}),
    Metric.from_json(
        {"name": "own", "query": 'sum(rate(http_requests_total{pod=~"{{pods}}"}[{{interval}}]))', "min": 1}
    ),
)


class Both(NamedTuple):
    """`ours` has the samples of `real` until `end`; `live` is the sandbox's own, which scraped by itself."""

    real: Api
    ours: Api
    live: Api
    end: float


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder, metrics = tmp_path_factory.mktemp("prometheus"), Metrics()
    monitoring = Monitoring(metrics, "127.0.0.1", 0)
    try:
        with moving(metrics), scraping(monitoring.url.removeprefix("http://"), folder) as real:
            time.sleep(LONG)
            end = time.time()
            # A scrape that is under way at the end is stored a moment later.
            time.sleep(1.5)
            serving = ListeningServer(
                PrometheusServer(Metrics(), copied(real, end), Faults()).app, "127.0.0.1", 0, name="copy"
            )
            ours, live = Api("http://{}:{}".format(*serving.address)), Api(monitoring.url)
            yield Both(real, ours, live, end)
            for api in (ours, live):
                api.close()
            serving.stop()
    finally:
        monitoring.stop()


@pytest.fixture
def alike(both: Both) -> Both:
    """Both, where the real one has the rules that ours follows; later ones extrapolate rates in another way."""
    version = both.real("status/buildinfo").data["version"]
    if tuple(map(int, version.split(".")[:2])) >= OTHER_RULES:
        pytest.skip(f"Prometheus {version} has other rules than the sandbox's")
    return both


def answers(said: Said) -> object:
    """Comparable: numbers rounded to nothing, series by their labels."""
    if said.data is None:
        return said.status, said.error[0]
    if said.data["resultType"] in ("scalar", "string"):
        return {(): [said.data["result"]]}
    return {tuple(sorted(row["metric"].items())): row.get("values") or [row["value"]] for row in said.data["result"]}


def same(left: object, right: object) -> bool:
    """Points at the same times, with values that differ by at most a billionth: sums are added up in another order."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return left == right
    return left.keys() == right.keys() and all(_same_points(left[key], right[key]) for key in left)


def _same_points(left: list, right: list) -> bool:
    return len(left) == len(right) and all(
        one[0] == other[0] and _same_number(float(one[1]), float(other[1]))
        for one, other in zip(left, right, strict=True)
    )


def _same_number(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(left) and math.isnan(right))


def differing(both: Both, asked: Iterable[str]) -> list[tuple[str, object, object]]:
    """What the two say differently, at the end, earlier, and over the whole time at uneven steps."""
    found = []
    for query in asked:
        for at in (both.end, both.end - 0.333, both.end - 7.05):
            pair = answers(both.real.instant(query, at)), answers(both.ours.instant(query, at))
            found += [] if same(*pair) else [(query, *pair)]
        times = both.end - LONG - 2, both.end, 0.7
        pair = answers(both.real.ranged(query, *times)), answers(both.ours.ranged(query, *times))
        found += [] if same(*pair) else [(query, *pair)]
    return found


def templates() -> list[str]:
    """Every query of every router, for either side, with a window inside of the time and one beyond it."""
    asked: set[str] = set()
    for router, workload, window in product(ROUTERS, ("web", "own-web", "none"), (5, 60)):
        wanted = route(router, workload, service=workload)
        for metric, side, alone in product(METRICS, SIDES, (False, True)):
            asked.update(astuple(queries(metric, wanted, side, window, alone=alone)))
    return sorted(asked)


def test_the_real_one_scrapes_the_sandbox_without_complaint(both: Both) -> None:
    (target,) = both.real("targets").data["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    promtool = shutil.which("promtool", path=str(Path(os.environ["SLIPWAY_TEST_PROMETHEUS"]).parent)) or "promtool"
    text = urllib3.request("GET", f"{both.live.url}/metrics", timeout=5).data
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False, timeout=30)
    assert b"error" not in checked.stderr.lower()


def test_every_template_has_the_same_answer(alike: Both) -> None:
    asked = templates()
    answered = [query for query in asked if alike.real.instant(query, alike.end).data["result"]]
    assert len(answered) > len(asked) / 3
    assert differing(alike, asked) == []


def test_every_operator_and_function_has_the_same_answer(alike: Both) -> None:
    assert differing(alike, [query for query, _ in VALUES]) == []


def test_every_quantile_has_the_same_answer(alike: Both) -> None:
    asked = [f'histogram_quantile({share}, h_bucket{{case="{case}"}})' for case, (share, _, _) in enumerate(QUANTILES)]
    assert differing(alike, [*asked, "histogram_quantile(0.3, h_bucket)", "histogram_quantile(0.3, web)"]) == []


def test_counters_that_reset_vanish_and_come_late_grow_the_same(alike: Both) -> None:
    asked = [
        f"{function}({counter}[{window}])"
        for counter in COUNTERS
        for function in ("rate", "increase")
        for window in WINDOWS
    ]
    assert differing(alike, asked) == []


def test_series_that_come_and_go_are_seen_the_same(alike: Both) -> None:
    asked = [*COUNTERS, *(f"absent({counter})" for counter in COUNTERS), "count(up)", "sum(scrape_samples_scraped)"]
    assert differing(alike, asked) == []
    raw = [f"{counter}[{window}]" for counter in COUNTERS for window in WINDOWS]
    assert [query for query in raw if answers(alike.real.instant(query, alike.end)) == {}] != raw
    assert differing(alike, raw) == []


def test_what_is_wrong_is_refused_by_both(alike: Both) -> None:
    assert differing(alike, [query for query, _ in WRONG]) == []


def test_what_has_two_answers_is_refused_by_both(alike: Both) -> None:
    twins = '{__name__=~"late_total|restarting_total"}'
    asked = ["limit * on (app) web", 'web * on (app) limit{app="a"}', f"rate({twins}[1m])", f"-{twins}", f"{twins} + 1"]
    assert {alike.real.instant(query, alike.end).status for query in asked} == {422}
    assert differing(alike, asked) == []


def test_what_only_the_real_one_knows_is_refused_here_and_never_a_number(both: Both) -> None:
    said = {query: both.ours.instant(query, both.end) for query, _ in MISSING}
    assert {(one.status, one.error[0], one.data) for one in said.values()} == {(400, "bad_data", None)}


@pytest.mark.parametrize("query", STEADY)
def test_what_the_sandbox_scraped_itself_agrees_with_the_real_one(both: Both, query: str) -> None:
    real, live = (answers(api.instant(query, both.end)) for api in (both.real, both.live))
    assert real.keys() == live.keys()
    assert real
    for labels, ((_, value),) in real.items():
        assert float(live[labels][0][1]) == pytest.approx(float(value), rel=LOOSELY)
