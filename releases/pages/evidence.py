"""Where requests go and what was measured of them: the rows and drawings of a rollout that moves requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from environments.kube.traffic import Route
from releases import strategies
from releases.analysis.chart import Weight, chart
from releases.analysis.judge import amount
from releases.analysis.metrics import LATENCY, SUCCESS, Metric
from releases.analysis.samples import Point
from releases.models import Measurement, Rollout
from releases.pages.traffic_shares import shares_of
from releases.strategies import TrafficEntry

KINDS = {"pass": "good", "fail": "bad", "inconclusive": "ask", "error": "ask"}
TITLES = {SUCCESS: "Success rate", LATENCY: "Latency, p99"}
MOST_POINTS = 5000


@dataclass(frozen=True)
class MetricReading:
    """The newest point of one metric, as a person reads it."""

    title: str
    value: str
    limit: str
    kind: str
    why: str


@dataclass(frozen=True)
class TrafficRow:
    """One workload whose requests are moved. `weight`: percent that the new version gets, None where not known."""

    workload: str
    router: str
    place: str
    weight: int | None
    readings: tuple[MetricReading, ...]


@dataclass(frozen=True)
class Drawing:
    """One metric of one workload, drawn."""

    key: str
    title: str
    svg: SafeString
    blank: bool
    """Whether no point of it has a value."""


def traffic_of(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, Any]:
    """{"traffic", "drawings", "blanks"} for the rollout's page; empty for one that does not move requests.

    `blanks` are the drawings in which no value is seen.
    """
    entries = strategies.entries((plan or {}).get("traffic", ()))
    points = _points(rollout)
    if not entries and not points:
        return {"traffic": [], "drawings": [], "blanks": []}
    metrics = _metrics(plan or {})
    shares = shares_of(rollout, plan)
    points.sort(key=lambda point: (point.workload, _rank(point.metric, metrics), point.at))
    rows = [_row(entry, shares, points, metrics) for entry in entries]
    drawings = _drawings(points, metrics)
    return {
        "traffic": rows,
        "drawings": [each for each in drawings if not each.blank],
        "blanks": [each for each in drawings if each.blank],
    }


def _points(rollout: Rollout) -> list[Measurement]:
    return list(Measurement.objects.filter(rollout=rollout).order_by("workload", "metric", "at")[:MOST_POINTS])


def _metrics(plan: Mapping[str, Any]) -> dict[str, Metric]:
    """By name, as the plan's steps have them."""
    given = (each for step in plan.get("steps", ()) for each in step.get("settings", {}).get("metrics", ()))
    found = (Metric.from_json(each) for each in given)
    return {metric.name: metric for metric in found}


def _rank(metric: str, metrics: Mapping[str, Metric]) -> tuple[int, str]:
    """In the order of the plan; what is not of the plan after that."""
    return (list(metrics).index(metric) if metric in metrics else len(metrics), metric)


def _row(
    entry: TrafficEntry, shares: Mapping[str, int], points: Iterable[Measurement], metrics: Mapping[str, Metric]
) -> TrafficRow:
    workload, route = entry.workload, entry.moved_by
    newest = {point.metric: point for point in points if point.workload == workload}
    return TrafficRow(
        workload=workload,
        router=route.router if route else "",
        place=_place(route),
        weight=shares.get(workload),
        readings=tuple(_reading(point, metrics.get(name)) for name, point in newest.items()),
    )


def _place(route: Route | None) -> str:
    """The object whose change moves the requests; "" where it is not known."""
    if route is None:
        return ""
    return f"{route.object.kind} {route.object.name}" if route.object else f"Service {route.service}"


def _reading(point: Measurement, metric: Metric | None) -> MetricReading:
    unit = metric.unit if metric else ""
    value = amount(point.canary, unit) if point.canary is not None else "no value"
    return MetricReading(_title(point.metric), value, _limit(point, unit), KINDS[point.verdict], point.why)


def _limit(point: Measurement, unit: str) -> str:
    low = f"at least {amount(point.low, unit)}" if point.low is not None else ""
    high = f"at most {amount(point.high, unit)}" if point.high is not None else ""
    return " and ".join(filter(None, (low, high)))


def _title(metric: str) -> str:
    return TITLES.get(metric, metric.replace("-", " ").capitalize())


def _drawings(points: Iterable[Measurement], metrics: Mapping[str, Metric]) -> list[Drawing]:
    grouped = groupby(points, key=lambda point: (point.workload, point.metric))
    return [_drawing(workload, name, list(found), metrics.get(name)) for (workload, name), found in grouped]


def _drawing(workload: str, name: str, found: list[Measurement], metric: Metric | None) -> Drawing:
    title = f"{workload}: {_title(name).lower()}"
    svg = chart(
        [_point(each) for each in found],
        title=title,
        unit=metric.unit if metric else "",
        weights=_bands(found),
    )
    # The drawing escapes every text by its serialiser.
    blank = all(each.canary is None and each.stable is None for each in found)
    return Drawing(f"{workload}-{name}", title, mark_safe(svg), blank)  # noqa: S308 # nosec


def _bands(found: Iterable[Measurement]) -> list[Weight]:
    runs = groupby(found, key=lambda each: each.weight)
    return [Weight(next(run).at, f"{weight} %") for weight, run in runs]


def _point(each: Measurement) -> Point:
    names = ("metric", "workload", "at", "canary", "stable", "low", "high", "requests", "verdict", "why")
    return Point(**{name: getattr(each, name) for name in names})
