"""Times and steps as Prometheus' API reads them."""

import datetime
import math

from sandbox.metrics.promql.errors import QueryError
from sandbox.metrics.promql.lexer import milliseconds

_FURTHEST = 2**53


def moment(parameter: str, text: str) -> int:
    """Milliseconds since 1970, of seconds or RFC 3339. QueryError names the parameter."""
    found = _seconds(text)
    if found is None or abs(found) * 1000 > _FURTHEST:
        raise QueryError(f'invalid parameter "{parameter}": cannot parse "{text}" to a valid timestamp')
    return math.floor(found * 1000 + 0.5)


def step_of(text: str) -> int:
    """Milliseconds, at least 1, of seconds or a duration like 1m."""
    step = _step(text)
    if step <= 0:
        words = "zero or negative query resolution step widths are not accepted. Try a positive integer"
        raise QueryError(f'invalid parameter "step": {words}')
    return step


def _seconds(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return number
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None and "T" in text else None


def _step(text: str) -> int:
    number = _number(text)
    if number is not None:
        return int(number * 1000)
    try:
        return milliseconds(text)
    except ValueError:
        raise QueryError(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
