"""Label and field selectors, as queries write them. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from kube_schema.match_expressions import is_beyond
from sandbox import errors
from sandbox.store import Object

Match = Callable[[Object], bool]

_SET = re.compile(r"^(?P<key>[^\s=!<>()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_PAIR = re.compile(r"^(?P<key>[^\s=!<>()]+?)\s*(?P<operator>==|!=|=|>|<)\s*(?P<value>[^\s=!<>()]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s=!<>()]+)$")
_PARTS = re.compile(r",(?![^(]*\))")


def matcher(labels: str, fields: str) -> Match | None:
    """What an object must meet, None where everything does; raises ApiError 400."""
    wanted = [_requirement(part.strip()) for part in _PARTS.split(labels) if part.strip()]
    wanted += [_field(part.strip()) for part in fields.split(",") if part.strip()]
    return (lambda value: all(each(value) for each in wanted)) if wanted else None


def _labels(value: Object) -> Mapping[str, str]:
    return value["metadata"].get("labels") or {}


def _requirement(text: str) -> Match:
    if found := _SET.match(text):
        return _set(found["key"], found["operator"], {each.strip() for each in found["values"].split(",")})
    if found := _PAIR.match(text):
        return _pair(found["key"], found["operator"], found["value"])
    if found := _EXISTS.match(text):
        key, absent = found["key"], bool(found["no"])
        return lambda value: (key not in _labels(value)) == absent
    words = text.split()
    if len(words) > 1:
        raise errors.bad_request(
            f"unable to parse requirement: found '{words[1]}', expected: in, notin, =, ==, !=, gt, lt"
        )
    raise errors.bad_request(f"unable to parse requirement: found '{text}', expected: identifier")


def _set(key: str, operator: str, values: set[str]) -> Match:
    if operator == "in":
        return lambda value: _labels(value).get(key) in values
    return lambda value: _labels(value).get(key) not in values


def _pair(key: str, operator: str, wanted: str) -> Match:
    if operator in ("=", "=="):
        return lambda value: _labels(value).get(key) == wanted
    if operator == "!=":
        return lambda value: _labels(value).get(key) != wanted
    return lambda value: _beyond(_labels(value).get(key), operator, wanted)


def _beyond(value: str | None, operator: str, limit: str) -> bool:
    return value is not None and is_beyond("Gt" if operator == ">" else "Lt", value, limit)


def _field(text: str) -> Match:
    found = _PAIR.match(text)
    if not found or found["operator"] in ("<", ">"):
        raise errors.bad_request(f"invalid field selector: {text}")
    path, wanted, equal = found["key"].split("."), found["value"], found["operator"] != "!="
    return lambda value: (_text_at(value, path) == wanted) == equal


def _text_at(value: Any, path: list[str]) -> str:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return str(value).lower() if isinstance(value, bool) else str("" if value is None else value)


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector, or plain labels, as one line."""
    if not selector:
        return ""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    parts += [_expression_text(each) for each in selector.get("matchExpressions") or ()]
    return ",".join(sorted(parts))


def _expression_text(expression: Mapping[str, Any]) -> str:
    key, values = expression["key"], ",".join(sorted(expression.get("values") or ()))
    words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "DoesNotExist": f"!{key}"}
    return words.get(expression["operator"], str(key))


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels; an empty one selects all."""
    chosen = matcher(selector_text(selector), "")
    return chosen is None or chosen({"metadata": {"labels": dict(labels)}})
