"""The expressions by which Kubernetes selects objects and nodes. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any


def expression_holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One matchExpression, node selectors' Gt and Lt included."""
    key, operator = expression["key"], expression["operator"]
    values: Sequence[str] = expression.get("values") or ()
    value = labels.get(key)
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return value is not None and is_beyond(operator, value, values[0])
    return False


def is_beyond(operator: str, value: str, limit: str) -> bool:
    """Whether a whole number is greater ("Gt") or less ("Lt") than another; not, where one of them is none."""
    try:
        return int(value) > int(limit) if operator == "Gt" else int(value) < int(limit)
    except ValueError:
        return False
