"""Values as Prometheus writes them in JSON."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.metrics.promql.values import Stretch, Value, Window


def instant(value: Value, at: int) -> dict[str, Any]:
    """A scalar, a vector, or the raw samples of a range as a matrix; `at` in milliseconds."""
    if isinstance(value, float):
        return {"resultType": "scalar", "result": _point(at, value)}
    if isinstance(value, Window):
        return matrix(value.series)
    vector = [{"metric": dict(labels), "value": _point(at, number)} for labels, number in value]
    return {"resultType": "vector", "result": vector}


def matrix(stretches: Iterable[Stretch]) -> dict[str, Any]:
    """Each series with its points."""
    result = [{"metric": dict(labels), "values": [*map(_point, times, values)]} for labels, times, values in stretches]
    return {"resultType": "matrix", "result": result}


def number(value: float) -> str:
    """ "NaN", "+Inf", "-Inf", or the shortest digits that read back as the same number, without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")


def _point(at: int, value: float) -> list[Any]:
    return [at / 1000, number(value)]
