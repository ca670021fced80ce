"""From what a client sent to what the server holds: types checked, unknown fields dropped, quantities canonical."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kube_schema import SchemaNode, quantity
from sandbox.structured_merge import MissingKey, element_of, path_text

_PLACES = re.compile(r"\[\d+\]")
_ZERO_IS_ABSENT = frozenset(
    {
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "minReadySeconds",
        "paused",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "tty",
    }
)
_GO = {"integer": "int32", "number": "float64", "boolean": "bool", "string": "string"}


class WrongType(Exception):
    """A value that cannot be decoded. `words` as Go's decoder has them."""


@dataclass
class Decoder:
    """Walks one object. `unknown` collects the paths of fields that the schema does not have; a lenient one leaves
    values of wrong types to the rules of the schema, as those of custom resources are. `keeps_nulls`: so do applies of
    these with nulls, which a create leaves out where the field is not nullable."""

    lenient: bool = False
    keeps_nulls: bool = False
    unknown: list[str] = field(default_factory=list)

    def decode(self, value: Any, kind: SchemaNode | None, path: str = "", owner: str = "") -> Any:
        """A new value of this type; raises WrongType."""
        if kind is None or kind.type == "any" or (value is None and self.keeps_nulls):
            return value
        try:
            return self._decode(value, kind, path, owner)
        except WrongType:
            if self.lenient:
                return value
            raise

    def _decode(self, value: Any, kind: SchemaNode, path: str, owner: str) -> Any:
        match kind.type:
            case "struct":
                return self._struct(_expect(value, Mapping, "object", kind, path, owner), kind, path)
            case "map":
                return self._map(_expect(value, Mapping, "object", kind, path, owner), kind, path, owner)
            case "list":
                found = _expect(value, list, "array", kind, path, owner)
                name = _short(kind.item) or owner
                return [self.decode(item, kind.item, f"{path}[{place}]", name) for place, item in enumerate(found)]
        return _scalar(value, kind, path, owner)

    def _struct(self, value: Mapping[str, Any], kind: SchemaNode, path: str) -> dict[str, Any]:
        owner = _short(kind)
        found: dict[str, Any] = {}
        for name, inner in value.items():
            known = kind.children.get(name)
            if known is None:
                self._note(name, inner, found, path, kind)
            elif inner is None:
                if self.keeps_nulls or known.raw.get("nullable"):
                    found[name] = None
            else:
                value_there = self.decode(inner, known, f"{path}.{name}" if path else name, owner)
                if not _omitted(name, value_there, known, kind):
                    found[name] = value_there
        for name, known in kind.embedded_children:
            if name not in found:
                found[name] = self.decode({}, known, name, owner)
        return found

    def _note(self, name: str, inner: Any, found: dict[str, Any], path: str, kind: SchemaNode) -> None:
        if kind.open:
            found[name] = inner
        else:
            self.unknown.append(f"{path}.{name}" if path else name)

    def _map(self, value: Mapping[str, Any], kind: SchemaNode, path: str, owner: str) -> dict[str, Any]:
        known = kind.item
        if known is not None and known.type == "string" and known.format != "byte":
            value = {name: "" if inner is None else inner for name, inner in value.items()}
        kept = {name: inner for name, inner in value.items() if inner is not None or self.keeps_nulls}
        return {name: self.decode(inner, known, path, owner) for name, inner in kept.items()}


def _omitted(name: str, value: Any, kind: SchemaNode, owner: SchemaNode) -> bool:
    """Whether the server, whose types are Go's, writes the field as if it were absent."""
    if not owner.name or name in owner.required:
        return False
    if kind.type in ("map", "list"):
        return not value
    return name in _ZERO_IS_ABSENT and value in (False, 0)


def _short(kind: SchemaNode | None) -> str:
    return kind.name.rpartition(".")[2] if kind is not None else ""


def _expect(value: Any, wanted: type, go: str, kind: SchemaNode, path: str, owner: str) -> Any:
    if isinstance(value, wanted):
        return value
    raise _mismatch(value, _go_name(kind, go), path, owner)


def _go_name(kind: SchemaNode, fallback: str) -> str:
    if kind.type == "list":
        return f"[]{_go_name(kind.item, 'object') if kind.item else 'object'}"
    if kind.type == "map":
        return f"map[string]{_go_name(kind.item, 'string') if kind.item else 'string'}"
    if kind.type == "struct":
        parts = kind.name.split(".")
        return ".".join(parts[-2:]) if len(parts) > 1 else fallback
    return kind.format or _GO.get(kind.type, fallback)


def _mismatch(value: Any, go: str, path: str, owner: str) -> WrongType:
    place = _PLACES.sub("", path)
    return WrongType(f"json: cannot unmarshal {_json_name(value)} into Go struct field {owner}.{place} of type {go}")


def _json_name(value: Any) -> str:
    names = {bool: "bool", str: "string", int: "number", float: "number", list: "array"}
    return names.get(type(value), "object")


def _scalar(value: Any, kind: SchemaNode, path: str, owner: str) -> Any:
    match kind.type:
        case "quantity":
            return _quantity(value, path, owner)
        case "int-or-string":
            fits = isinstance(value, int | str) and not isinstance(value, bool)
        case "integer":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "number":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            fits = isinstance(value, bool)
        case _:
            return _string(value, kind, path, owner)
    if not fits:
        raise _mismatch(value, _go_name(kind, kind.type), path, owner)
    return value


def _string(value: Any, kind: SchemaNode, path: str, owner: str) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, _go_name(kind, "string"), path, owner)
    if kind.format == "byte":
        _check_base64(value)
    return value


def _check_base64(value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        good = len(value) - len(value.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
        raise WrongType(f"illegal base64 data at input byte {good // 4 * 4 if good == len(value) else good}") from None


def _quantity(value: Any, path: str, owner: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _mismatch(value, "resource.Quantity", path, owner)
    try:
        return quantity.text(quantity.parse(value), str(value))
    except ValueError:
        words = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        raise WrongType(words) from None


# -- the types of an apply ------------------------------------------------------------------------------------------


def type_errors(value: Any, kind: SchemaNode | None, path: tuple[str, ...] = ()) -> list[str]:
    """What keeps a configuration from being applied, each ".spec.replicas: expected …"; [] where it fits."""
    if kind is None or kind.type == "any" or value is None:
        return []
    if kind.type == "struct":
        return _struct_errors(value, kind, path)
    if kind.type == "map":
        if not isinstance(value, Mapping):
            return [f"{path_text(path)}: expected map, got {_go_value(value)}"]
        return [error for name, inner in value.items() for error in type_errors(inner, kind.item, (*path, f"f:{name}"))]
    if kind.type == "list":
        return _list_errors(value, kind, path)
    words = _scalar_error(value, kind)
    return [f"{path_text(path)}: {words}"] if words else []


def _struct_errors(value: Any, kind: SchemaNode, path: tuple[str, ...]) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{path_text(path)}: expected map, got {_go_value(value)}"]
    errors = []
    for name, inner in value.items():
        known, place = kind.children.get(name), (*path, f"f:{name}")
        if known is not None:
            errors += type_errors(inner, known, place)
        elif not kind.open:
            errors.append(f"{path_text(place)}: field not declared in schema")
    return errors


def _list_errors(value: Any, kind: SchemaNode, path: tuple[str, ...]) -> list[str]:
    if not isinstance(value, list):
        return [f"{path_text(path)}: expected list, got {_go_value(value)}"]
    errors: list[str] = []
    seen: set[str] = set()
    for index, item in enumerate(value):
        try:
            element = element_of(item, index, kind)
        except MissingKey as missing:
            errors.append(f"{path_text(path)}: {missing}")
            continue
        if element in seen:
            errors.append(f"{path_text(path)}: duplicate entries for key {path_text((element,))}")
        seen.add(element)
        errors += type_errors(item, kind.item, (*path, element))
    return errors


def _scalar_error(value: Any, kind: SchemaNode) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind.type:
        case "integer" | "number":
            return "" if number else f"expected numeric (int or float), got {_go_type(value)}"
        case "boolean":
            return "" if isinstance(value, bool) else f"expected boolean, got {_go_value(value)}"
        case "string":
            return "" if isinstance(value, str) else f"expected string, got {_go_literal(value)}"
    return "" if number or isinstance(value, str | bool) else f"expected any scalar, got {_go_value(value)}"


def _go_type(value: Any) -> str:
    names = {str: "string", bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}
    return names.get(type(value), "int64")


def _go_value(value: Any) -> str:
    return "&{" + _go_plain(value) + "}"


def _go_plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + " ".join(_go_plain(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{name}:{_go_plain(inner)}" for name, inner in sorted(value.items())) + "]"
    return str(value)


def _go_literal(value: Any) -> str:
    if isinstance(value, bool):
        return f"&value.valueUnstructured{{Value:{str(value).lower()}}}"
    if isinstance(value, int | float):
        return f"&value.valueUnstructured{{Value:{value}}}"
    return f"&value.valueUnstructured{{Value:{_go_type(value)}{{…}}}}"
