"""What was measured, and what was made of it: the two records of an analysis, JSON both ways. Pure."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Verdict = Literal["pass", "fail", "inconclusive", "error"]


@dataclass(frozen=True)
class Sample:
    """One look at one metric of one workload. `at`: seconds since the epoch; values in the metric's unit.

    None: Prometheus had no data. `window`: the seconds before `at` that were looked at. `requests`: of the canary
    within it. `canary_points`, `stable_points`: the values within it, for a comparison. `error`: why there is no
    answer, in words.
    """

    metric: str
    workload: str
    at: float
    canary: float | None = None
    stable: float | None = None
    requests: float | None = None
    canary_points: tuple[float, ...] = ()
    stable_points: tuple[float, ...] = ()
    error: str = ""
    transient: bool = True
    warnings: tuple[str, ...] = ()
    window: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """JSON proper: what is no number, as text."""
        return {name: _out(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Sample":
        numbers = {name: _in(data.get(name)) for name in ("canary", "stable", "requests")}
        series = {name: tuple(map(float, data.get(name, ()))) for name in ("canary_points", "stable_points")}
        return cls(**{**data, **numbers, **series, "warnings": tuple(data.get("warnings", ()))})


@dataclass(frozen=True)
class Point:
    """A sample with its verdict and why; what is kept and drawn. Values that are no numbers are None.

    `low`, `high`: the allowed range, None where it is open.
    """

    metric: str
    workload: str
    at: float
    canary: float | None
    stable: float | None
    low: float | None
    high: float | None
    requests: float | None
    verdict: Verdict
    why: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Point":
        return cls(**{field.name: data[field.name] for field in fields(cls)})


def finite(value: float | None) -> float | None:
    """The value where it is a number, else None."""
    return value if value is not None and math.isfinite(value) else None


def _out(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return [_out(each) for each in value] if isinstance(value, tuple) else value


def _in(value: Any) -> float | None:
    return None if value is None else float(value)
