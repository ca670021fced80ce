"""The value rules of a CustomResourceDefinition's schema: minimum, enum, pattern and their like. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kube_schema import SchemaNode
from sandbox.errors import StatusCause
from sandbox.store import encode


def schema_causes(schema: SchemaNode | None, value: Mapping[str, Any]) -> list[StatusCause]:
    """Where an object breaks the rules of its kind's schema."""
    if schema is None:
        return []
    rest = {name: inner for name, inner in value.items() if name not in ("apiVersion", "kind", "metadata")}
    return list(_causes(rest, schema.raw, "", top=True))


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_NAMES = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}


def _mistyped(value: Any, raw: Mapping[str, Any], path: str) -> StatusCause | None:
    wanted = raw.get("type")
    if wanted not in _TYPES or raw.get("x-kubernetes-int-or-string"):
        return None
    if value is None and raw.get("nullable"):
        return None
    if isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool)):
        return None
    found = _NAMES.get(type(value), "null")
    words = f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    return StatusCause("FieldValueTypeInvalid", words, path)


def defaults_filled(value: Any, raw: Mapping[str, Any]) -> Any:
    """The value with the defaults of its schema; a new one where any was filled in."""
    if isinstance(value, list):
        return [defaults_filled(item, raw.get("items") or {}) for item in value]
    if not isinstance(value, Mapping):
        return value
    extra = raw.get("additionalProperties")
    known = raw.get("properties") or {}
    filled = {
        name: each["default"]
        for name, each in known.items()
        if "default" in each and (name not in value or (value[name] is None and not each.get("nullable")))
    }
    whole = {**value, **filled}
    rules = {name: known.get(name) or (extra if isinstance(extra, Mapping) else {}) for name in whole}
    return {name: defaults_filled(inner, rules[name]) for name, inner in whole.items()}


def _causes(value: Any, raw: Mapping[str, Any], path: str, *, top: bool = False) -> Iterator[StatusCause]:
    mistyped = None if top else _mistyped(value, raw, path)
    if mistyped is not None:
        yield mistyped
        return
    if isinstance(value, Mapping):
        for name in raw.get("required", ()):
            if name not in value and not (top and name in ("apiVersion", "kind", "metadata")):
                place = f"{path}.{name}" if path else name
                yield StatusCause("FieldValueRequired", "Required value", place)
        yield from _members(value, raw, path)
    elif isinstance(value, list):
        yield from _sizes(value, raw, path, "items", "Items")
        for index, item in enumerate(value):
            yield from _causes(item, raw.get("items") or {}, f"{path}[{index}]")
    else:
        yield from _scalar(value, raw, path)


def _members(value: Mapping[str, Any], raw: Mapping[str, Any], path: str) -> Iterator[StatusCause]:
    extra = raw.get("additionalProperties")
    for name, inner in value.items():
        known = (raw.get("properties") or {}).get(name) or (extra if isinstance(extra, Mapping) else None)
        if known is not None:
            yield from _causes(inner, known, f"{path}.{name}" if path else name)


def _scalar(value: Any, raw: Mapping[str, Any], path: str) -> Iterator[StatusCause]:
    if "enum" in raw and value not in raw["enum"]:
        allowed = ", ".join(encode(each).decode() for each in raw["enum"])
        words = f"Unsupported value: {encode(value).decode()}: supported values: {allowed}"
        yield StatusCause("FieldValueNotSupported", words, path)
    if isinstance(value, str):
        yield from _sizes(value, raw, path, "chars long", "Length")
        if "pattern" in raw and not re.search(raw["pattern"], value):
            yield _invalid(path, value, f"should match '{raw['pattern']}'")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in raw and value < raw["minimum"]:
            yield _invalid(path, value, f"should be greater than or equal to {raw['minimum']}")
        if "maximum" in raw and value > raw["maximum"]:
            yield _invalid(path, value, f"should be less than or equal to {raw['maximum']}")


def _sizes(value: Any, raw: Mapping[str, Any], path: str, unit: str, name: str) -> Iterator[StatusCause]:
    least, most = raw.get(f"min{name}"), raw.get(f"max{name}")
    if least is not None and len(value) < least:
        yield _invalid(path, value, f"should have at least {least} {unit}")
    if most is not None and len(value) > most:
        yield _invalid(path, value, f"should have at most {most} {unit}")


def _invalid(path: str, value: Any, words: str) -> StatusCause:
    return StatusCause("FieldValueInvalid", f"Invalid value: {encode(value).decode()}: {path} in body {words}", path)
