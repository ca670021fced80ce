"""Asking Prometheus for one sample: at most four questions, whatever the metric."""

import math
from statistics import fmean

from environments.kube.traffic import Route
from environments.prometheus import Prometheus, PrometheusError, QueryAnswer, only
from releases.analysis.metrics import Metric
from releases.analysis.samples import Sample
from releases.analysis.templates import Side, queries

POINTS = 10
"""Parts of the window that a comparison looks at; they do not overlap, or they would not be independent."""
SHORTEST_PART = 2.0


def measure(
    prometheus: Prometheus, metric: Metric, route: Route, at: float, window: float, *, alone: bool = False
) -> Sample:
    """What Prometheus says of both sides over the `window` seconds before `at`.

    `alone`: the canary's side has all of the route's traffic and there is nothing beside it. What goes wrong is in
    the sample's `error`; nothing is raised.
    """
    look = _Look(prometheus, metric, route, at, window, alone)
    try:
        return look.sample()
    except PrometheusError as error:
        return Sample(metric.name, route.workload, at, error=str(error), transient=error.transient, window=window)


class _Look:
    def __init__(
        self, prometheus: Prometheus, metric: Metric, route: Route, at: float, window: float, alone: bool
    ) -> None:
        self._prometheus, self._metric, self._route = prometheus, metric, route
        self._at, self._window, self._alone = at, window, alone
        self._warnings: list[str] = []

    def sample(self) -> Sample:
        metric = self._metric
        beside = metric.both_sides and not self._alone
        canary_points = self._points("canary") if metric.compare and beside else ()
        stable_points = self._points("stable") if metric.compare and beside else ()
        canary = self._value("canary")
        stable = (_mean(stable_points) if metric.compare else self._value("stable")) if beside else None
        requests = self._requests() if metric.template or metric.minimum_requests else None
        return Sample(
            metric=metric.name,
            workload=self._route.workload,
            at=self._at,
            canary=canary,
            stable=stable,
            requests=requests,
            canary_points=canary_points,
            stable_points=stable_points,
            warnings=tuple(dict.fromkeys(self._warnings)),
            window=self._window,
        )

    def _value(self, side: Side) -> float | None:
        return self._instant(queries(self._metric, self._route, side, self._window, alone=self._alone).value)

    def _requests(self) -> float | None:
        return self._instant(queries(self._metric, self._route, "canary", self._window, alone=self._alone).requests)

    def _points(self, side: Side) -> tuple[float, ...]:
        part = max(SHORTEST_PART, self._window / POINTS)
        query = queries(self._metric, self._route, side, part, alone=self._alone).value
        first = self._at - self._window + part
        found = only(self._told(self._prometheus.query_range(query, first, self._at, part)))
        return tuple(value for _, value in found.points if math.isfinite(value)) if found else ()

    def _instant(self, query: str) -> float | None:
        found = only(self._told(self._prometheus.query(query, self._at)))
        return found.points[-1][1] if found and found.points else None

    def _told(self, answer: QueryAnswer) -> QueryAnswer:
        self._warnings += answer.warnings
        return answer


def _mean(points: tuple[float, ...]) -> float | None:
    return fmean(points) if points else None
