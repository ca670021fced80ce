"""The newest measurements of a step in one sentence, however many workloads and metrics there are. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from releases.analysis.judge import amount
from releases.analysis.metrics import LATENCY, SUCCESS, Metric

SHORT_NAMES = {SUCCESS: "success rate", LATENCY: "p99"}
MOST_NAMES = 2


class Newest(NamedTuple):
    """The newest point of a metric of a workload, as JSON."""

    metric: Metric
    workload: str
    point: Mapping[str, Any]

    @property
    def name(self) -> str:
        return SHORT_NAMES.get(self.metric.name, self.metric.name.replace("-", " "))

    @property
    def is_doubt(self) -> bool:
        return self.point["verdict"] in ("inconclusive", "error") or self.point["canary"] is None


def told(newest: Iterable[Newest], *, several: bool) -> list[str]:
    """["success rate 99.8 % (limit ≥ 99)", "p99: 3 of 20 requests within 60 s"]; `several`: whether to name workloads.

    What several workloads have is a range, and what several of them lack is said once.
    """
    every = list(newest)
    measured = _grouped([each for each in every if not each.is_doubt], lambda each: each.name)
    doubts = _grouped([each for each in every if each.is_doubt], lambda each: each.point["why"])
    return [*(_range(found) for found in measured), *(_doubt(found, several=several) for found in doubts)]


def _grouped(every: Iterable[Newest], by: Any) -> list[list[Newest]]:
    found: dict[str, list[Newest]] = {}
    for each in every:
        found.setdefault(by(each), []).append(each)
    return list(found.values())


def _range(found: list[Newest]) -> str:
    unit = found[0].metric.unit
    low, high = min(each.point["canary"] for each in found), max(each.point["canary"] for each in found)
    value = amount(high, unit) if low == high else f"{amount(low)} to {amount(high, unit)}"
    limits = {_limits(each.point) for each in found}
    return f"{found[0].name} {value}{limits.pop() if len(limits) == 1 else ''}"


def _doubt(found: list[Newest], *, several: bool) -> str:
    names = listed(dict.fromkeys(each.name for each in found))
    of = f" of {listed(dict.fromkeys(each.workload for each in found))}" if several else ""
    return f"{names}{of}: {found[0].point['why']}"


def listed(names: Iterable[str]) -> str:
    """ "a and b", or "a, b and 3 more"."""
    every = list(names)
    if len(every) > MOST_NAMES + 1:
        return f"{', '.join(every[:MOST_NAMES])} and {len(every) - MOST_NAMES} more"
    return f"{', '.join(every[:-1])} and {every[-1]}" if len(every) > 1 else "".join(every)


def _limits(point: Mapping[str, Any]) -> str:
    low, high = point["low"], point["high"]
    bounds = [f"≥ {amount(low)}" if low is not None else "", f"≤ {amount(high)}" if high is not None else ""]
    words = " and ".join(filter(None, bounds))
    return f" (limit {words})" if words else ""
