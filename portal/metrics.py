"""Prometheus metrics of all parts, and the page that serves them.

Where several processes serve or work, SLIPWAY_METRICS_DIR names a folder that they share, and the page sums them up.
"""

import os
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from portal.exposure import is_local

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LONG_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 2400)

REQUESTS = Histogram("slipway_http_request_seconds", "Requests served.", ["method", "route", "status"], buckets=SECONDS)
WEBHOOKS = Counter("slipway_webhooks_total", "Webhooks that came in.", ["provider", "outcome"])
OUTGOING = Counter("slipway_outgoing_calls_total", "Attempts to call other systems.", ["outcome"])
ROLLOUTS = Counter("slipway_rollouts_total", "Rollouts that ended.", ["environment", "strategy", "phase"])
ROLLOUT_SECONDS = Histogram(
    "slipway_rollout_seconds", "From start to end.", ["environment", "strategy", "phase"], buckets=LONG_SECONDS
)
STEP_SECONDS = Histogram(
    "slipway_step_seconds", "From a step's start to its end.", ["track", "state"], buckets=LONG_SECONDS
)
PASSES = Counter("slipway_passes_total", "Passes of the reconciler.", ["outcome"])
PASS_SECONDS = Histogram("slipway_pass_seconds", "One pass of the reconciler.", buckets=SECONDS)
LATENESS = Histogram("slipway_lateness_seconds", "From a rollout being due to its pass.", buckets=SECONDS)

Source = Callable[[], Iterable[Metric]]
_sources: list[Source] = []


def at_scrape(source: Source) -> Source:
    """Decorates a function that makes metrics from the database when the page is asked for."""
    _sources.append(source)
    return source


class _FromDatabase(Collector):
    def collect(self) -> Iterator[Metric]:
        for source in _sources:
            yield from source()


def exposition() -> bytes:
    """Everything in the text format: what all processes counted, and what the database says now."""
    return exposition_of_processes() + generate_latest(_registry(_FromDatabase()))


def exposition_of_processes() -> bytes:
    """What this process counted, or all that share the folder."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _registry(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def page(request: HttpRequest) -> HttpResponse:
    """GET /metrics: by the bearer token of SLIPWAY_METRICS_TOKEN; without one, for this machine alone."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
            return HttpResponse("A bearer token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    elif not is_local(request):
        words = "Metrics are for this machine alone: SLIPWAY_METRICS_TOKEN sets a token that opens them to others.\n"
        return HttpResponse(words, status=403, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
