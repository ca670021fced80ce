"""Holds an object against its schema: unknown fields, wrong types, missing fields, items that are there twice."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from kube_schema import SchemaNode as Type
from kube_schema.quantity import is_quantity

from .errors import Findings
from .merge import default_of
from .node import Place, Unquoted, Unresolved, YamlNode, field_of
from .placeholders import UNDECLARED
from .scalars import scalar

NAMES = {dict: "a map", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


class Conformer:
    """Checks trees against types; reports to `findings` and gives the tree back with nulls left out.

    Text that came from an unquoted placeholder becomes what the type asks for. `secret` says that no value may be
    told, since the tree is a Secret.
    """

    def __init__(self, findings: Findings, *, secret: bool = False) -> None:
        self.findings, self.secret = findings, secret

    def conform(self, node: YamlNode, kind: Type | None, place: Place = ()) -> YamlNode:
        if isinstance(node.value, Unresolved):
            return node
        if kind is None or kind.type == "any":
            return _loosely(node)
        if kind.type in {"struct", "map"}:
            return self._fields(node, kind, place)
        if kind.type == "list":
            return self._items(node, kind, place)
        return self._scalar(node, kind, place)

    def _fields(self, node: YamlNode, kind: Type, place: Place) -> YamlNode:
        if not isinstance(node.value, dict):
            return self._wrong(node, "a map", place)
        children = {}
        for key, child in node.value.items():
            known = kind.child(key)
            if child.value is None:
                continue
            if known is None and kind.type == "struct":
                close = self.findings.close_to(key, kind.children)
                words = f"unknown field{f', did you mean {close}?' if close else ''}"
                self._tell(child, (*place, key), words)
                continue
            children[key] = self.conform(child, known, (*place, key))
        for name in kind.required:
            if name not in children and name not in node.value:
                self._tell(node, (*place, name), "is missing")
        return YamlNode(children, node.origin)

    def _items(self, node: YamlNode, kind: Type, place: Place) -> YamlNode:
        if not isinstance(node.value, list):
            return self._wrong(node, "a list", place)
        items = [self.conform(item, kind.item, (*place, index)) for index, item in enumerate(node.value)]
        seen: dict[tuple[Any, ...], int] = {}
        for index, item in enumerate(items):
            key = _identity(item, kind)
            if key is not None and key in seen:
                named = " ".join(str(part) for part in key if part is not None)
                self._tell(item, (*place, index), f"{named} is already there in line {seen[key]}")
            elif key is not None:
                seen[key] = item.origin.line
        return YamlNode(items, node.origin)

    def _scalar(self, node: YamlNode, kind: Type, place: Place) -> YamlNode:
        accepts, wanted = SCALARS[kind.type]
        value = _put_in(node.value) if isinstance(node.value, Unquoted) and kind.type != "string" else node.value
        if not accepts(value):
            return self._wrong(node, wanted, place)
        if kind.type == "quantity" and not is_quantity(value):
            self._tell(node, place, f"{value} is not a quantity such as 500m, 2 or 1Gi")
        if kind.format == "byte" and not _is_base64(value):
            self._tell(node, place, "is not base64; plain text goes into stringData")
        return YamlNode(str(value) if isinstance(value, str) else value, node.origin)

    def _wrong(self, node: YamlNode, wanted: str, place: Place) -> YamlNode:
        found = NAMES.get(type(node.value), "text" if isinstance(node.value, str) else "nothing")
        self._tell(node, place, f"{wanted} is needed, not {found}{self._advice(node.value, wanted)}")
        return node

    def _advice(self, value: Any, wanted: str) -> str:
        if _quotable(value, wanted):
            return "; put it in quotes" if self.secret else f'; put it in quotes: "{_as_text(value)}"'
        return f"; {UNDECLARED}" if isinstance(value, Unquoted) and "${" in value else ""

    def _tell(self, node: YamlNode, place: Place, message: str) -> None:
        self.findings.add(node.origin, field_of(place), message)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SCALARS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "text"),
    "integer": (_is_int, "a whole number"),
    "number": (_is_number, "a number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "int-or-string": (lambda value: _is_int(value) or isinstance(value, str), "a whole number or text"),
    "quantity": (lambda value: _is_number(value) or isinstance(value, str), "a quantity"),
}


def _put_in(text: str) -> Any:
    found = scalar(text)
    return text if found is None else found


def _loosely(node: YamlNode) -> YamlNode:
    """Without a schema: nulls of maps are left out, unquoted placeholders read as YAML reads them."""
    value = node.value
    if isinstance(value, dict):
        return YamlNode({key: _loosely(child) for key, child in value.items() if child.value is not None}, node.origin)
    if isinstance(value, list):
        return YamlNode([_loosely(item) for item in value], node.origin)
    return YamlNode(_put_in(value), node.origin) if isinstance(value, Unquoted) else node


def _identity(item: YamlNode, kind: Type) -> tuple[Any, ...] | None:
    """What makes an item the same as another to the API server, None where items may be alike."""
    if kind.list_type == "set" and not isinstance(item.value, dict | list):
        return (item.value,)
    if kind.list_type != "map" or not isinstance(item.value, dict):
        return None
    found = [item.value[name].value if name in item.value else default_of(kind.item, name) for name in kind.list_keys]
    return None if any(isinstance(value, dict | list) for value in found) else tuple(found)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _quotable(value: Any, wanted: str) -> bool:
    return wanted == "text" and isinstance(value, bool | int | float)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
