"""What a sample says about a new version. Pure: no clock, no network.

Only a number can be a success: no data, NaN, too few requests and too few points are inconclusive.
"""

import math

from releases.analysis.compare import FEWEST, Comparison, compare
from releases.analysis.metrics import HIGHER, Metric
from releases.analysis.samples import Point, Sample, Verdict, finite

LONG = 1e9


def judge(metric: Metric, sample: Sample) -> Point:
    """The sample with its verdict, and why in words and numbers."""
    compared = _compared(metric, sample)
    verdict, why = _verdict(metric, sample, compared)
    low, high = _range(metric, compared.stable if compared else None)
    return Point(
        metric=metric.name,
        workload=sample.workload,
        at=sample.at,
        canary=finite(sample.canary),
        stable=finite(sample.stable),
        low=low,
        high=high,
        requests=finite(sample.requests),
        verdict=verdict,
        why=why,
    )


def amount(value: float, unit: str = "") -> str:
    """A number as people read it: 99.2 %, 512 ms, 0.034."""
    if not math.isfinite(value):
        return "infinite"
    plain = value == 0 or 1 <= abs(value) < LONG
    digits = f"{value:.2f}".rstrip("0").rstrip(".") if plain else f"{value:.3g}"
    return f"{digits} {unit}".rstrip()


def _verdict(metric: Metric, sample: Sample, compared: Comparison | None) -> tuple[Verdict, str]:
    if sample.error:
        return "error", sample.error
    if doubt := _doubt(metric, sample):
        return "inconclusive", doubt
    value = sample.canary
    assert value is not None
    if fault := _outside(metric, value):
        return "fail", fault
    if not math.isfinite(value):
        return "inconclusive", "the value is infinite: the query divides by zero"
    if metric.compare:
        return _beside_stable(metric, sample, compared)
    return "pass", f"{amount(value, metric.unit)}{_allowed(metric)}"


def _doubt(metric: Metric, sample: Sample) -> str:
    requests = sample.requests if sample.requests is not None and math.isfinite(sample.requests) else 0.0
    if metric.minimum_requests and round(requests) < metric.minimum_requests:
        return f"{round(requests)} of {metric.minimum_requests} requests within {sample.window or metric.window:.0f} s"
    if sample.canary is None:
        return "no data: the query gives no series"
    if math.isnan(sample.canary):
        return "no data: the value is not a number (0 / 0)"
    return ""


def _outside(metric: Metric, value: float) -> str:
    if metric.min is not None and value < metric.min:
        return f"{_apart(value, metric.min, metric.unit)}, below {amount(metric.min, metric.unit)}"
    if metric.max is not None and value > metric.max:
        return f"{_apart(value, metric.max, metric.unit)}, above {amount(metric.max, metric.unit)}"
    return ""


def _compared(metric: Metric, sample: Sample) -> Comparison | None:
    if not metric.compare or sample.error:
        return None
    return compare(sample.canary_points, sample.stable_points, higher_is_worse=metric.compare == HIGHER)


def _beside_stable(metric: Metric, sample: Sample, compared: Comparison | None) -> tuple[Verdict, str]:
    if compared is None:
        counts = [sum(map(math.isfinite, points)) for points in (sample.canary_points, sample.stable_points)]
        return (
            "inconclusive",
            f"{counts[0]} points of the canary and {counts[1]} of stable; {FEWEST} of each are needed",
        )
    sides = f"{amount(compared.canary, metric.unit)} beside {amount(compared.stable, metric.unit)} of stable"
    if compared.worse <= max(metric.difference, 0.0):
        tolerated = f", within {amount(metric.difference, metric.unit)}" if compared.worse > 0 else ", no worse"
        return "pass", sides + tolerated
    chance = f"p = {compared.p:.3f}" if compared.p >= 0.001 else "p < 0.001"
    if compared.significant:
        return "fail", f"{sides}: worse by {amount(compared.worse, metric.unit)} ({chance})"
    return "pass", f"{sides}: the difference may be chance ({chance})"


def _range(metric: Metric, stable: float | None) -> tuple[float | None, float | None]:
    if not metric.compare or stable is None:
        return metric.min, metric.max
    if metric.compare == HIGHER:
        return metric.min, min(stable + metric.difference, math.inf if metric.max is None else metric.max)
    return max(stable - metric.difference, -math.inf if metric.min is None else metric.min), metric.max


def _allowed(metric: Metric) -> str:
    if metric.min is not None and metric.max is not None:
        return f", from {amount(metric.min)} to {amount(metric.max, metric.unit)}"
    if metric.min is not None:
        return f", at least {amount(metric.min, metric.unit)}"
    return f", at most {amount(metric.max, metric.unit)}" if metric.max is not None else ""


def _apart(value: float, limit: float, unit: str) -> str:
    """The value with as many digits as it takes to look different from the limit."""
    short = amount(value, unit)
    return short if short != amount(limit, unit) else f"{value:.6g} {unit}".rstrip()
