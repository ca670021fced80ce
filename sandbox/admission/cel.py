"""CEL expressions of admission policies, evaluated with cel-python and the usual functions of Kubernetes."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from celpy import Environment, celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

Values = Mapping[str, Any]


class CelError(Exception):
    """An expression that cannot be compiled or evaluated."""


def _join(values: Any, separator: Any = "") -> Any:
    return celtypes.StringType(str(separator).join(map(str, values)))


def _split(value: Any, separator: Any) -> Any:
    return celtypes.ListType([celtypes.StringType(part) for part in str(value).split(str(separator))])


def _replace(value: Any, old: Any, new: Any) -> Any:
    return celtypes.StringType(str(value).replace(str(old), str(new)))


def _lower(value: Any) -> Any:
    return celtypes.StringType(str(value).lower())


def _upper(value: Any) -> Any:
    return celtypes.StringType(str(value).upper())


def _trim(value: Any) -> Any:
    return celtypes.StringType(str(value).strip())


def _index_of(value: Any, part: Any) -> Any:
    return celtypes.IntType(str(value).find(str(part)))


def _equal(left: Any, right: Any) -> Any:
    """Values of different types, null among them, are not equal; the library alone calls that an error."""
    for value in (left, right):
        if isinstance(value, CELEvalError):
            return value
    if left is None or right is None:
        return celtypes.BoolType(left is right)
    try:
        return celtypes.BoolType(bool(left == right))
    except TypeError:
        return celtypes.BoolType(False)


def _unequal(left: Any, right: Any) -> Any:
    found = _equal(left, right)
    return found if isinstance(found, CELEvalError) else celtypes.BoolType(not found)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_==_": _equal,
    "_!=_": _unequal,
    "join": _join,
    "split": _split,
    "replace": _replace,
    "lowerAscii": _lower,
    "upperAscii": _upper,
    "trim": _trim,
    "indexOf": _index_of,
}


@lru_cache(maxsize=512)
def _program(expression: str) -> Any:
    environment = Environment()
    return environment.program(environment.compile(expression), functions=_FUNCTIONS)


def to_cel(value: Any) -> Any:
    return json_to_cel(value)


def evaluate(expression: str, values: Values) -> Any:
    """The result in CEL's types; `values` are CEL's too. Raises CelError with the library's words."""
    try:
        return _program(expression).evaluate(dict(values))
    except CELParseError as error:
        raise CelError(f"compilation failed: {error}") from error
    except CELEvalError as error:
        raise CelError(str(error.args[0])) from error
    except (TypeError, ValueError, KeyError) as error:
        raise CelError(str(error)) from error
