"""Holds an object against its schema: unknown fields, wrong types, missing fields, items that are there twice."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from kube_schema import SchemaNode as Type
from kube_schema import recorded
from kube_schema.quantity import is_quantity

from .errors import Findings
from .merge import default_of
from .node import Place, Unquoted, Unresolved, YamlNode, field_of
from .placeholders import UNDECLARED
from .scalars import scalar

# What the API server makes of a null in a map or a list, where a field would be left out.
EMPTY: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "quantity": "0",
    "int-or-string": 0,
    "struct": {},
    "map": {},
    "list": [],
}
METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
MEANINGLESS = frozenset({"creationTimestamp", "status"})  # generators write them empty
NAMES = {dict: "a map", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


class Conformer:
    """Checks trees against types; reports to `findings` and gives the tree back, its nulls read as the server reads
    them: fields are left out, values of maps and items of lists are empty.

    Text that came from an unquoted placeholder becomes what the type asks for. `secret` says that no value may be
    told, since the tree is a Secret. Where no type is known, nulls stay; with `drops_nulls` fields that are null are
    left out there too. `emptied` has what was made of which null, as a person reads it.
    """

    def __init__(self, findings: Findings, *, secret: bool = False, drops_nulls: bool = False) -> None:
        self.findings, self.secret, self.drops_nulls = findings, secret, drops_nulls
        self.emptied: list[str] = []

    def conform(self, node: YamlNode, kind: Type | None, place: Place = ()) -> YamlNode:
        if isinstance(node.value, Unresolved):
            return node
        if kind is None or kind.type == "any":
            return self._loosely(node, place)
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
                if kind.type == "map" and known is not None and known.type in EMPTY:
                    children[key] = self._empty(child, known, (*place, key))
                else:
                    self._left_out((*place, key))
                continue
            if known is None and kind.type == "struct" and not kind.open:
                close = self.findings.close_to(key, kind.children)
                words = f"unknown field{f', did you mean {close}?' if close else ''}"
                self._tell(child, (*place, key), words)
                continue
            children[key] = self.conform(child, known, (*place, key))
        for name in kind.required:
            if name not in children and name not in node.value and not _has_default(kind, name):
                self._tell(node, (*place, name), "is missing")
        return YamlNode(children, node.origin)

    def _items(self, node: YamlNode, kind: Type, place: Place) -> YamlNode:
        if not isinstance(node.value, list):
            return self._wrong(node, "a list", place)
        items = [self._item(item, kind, (*place, index)) for index, item in enumerate(node.value)]
        seen: dict[tuple[Any, ...], int] = {}
        for index, item in enumerate(items):
            key = _identity(item, kind)
            if key is not None and key in seen:
                named = " ".join(str(part) for part in key if part is not None)
                self._tell(item, (*place, index), f"{named} is already there in line {seen[key]}")
            elif key is not None:
                seen[key] = item.origin.line
        return YamlNode(items, node.origin)

    def _item(self, item: YamlNode, kind: Type, place: Place) -> YamlNode:
        known = kind.item
        if item.value is not None or known is None or known.type not in EMPTY:
            return self.conform(item, known, place)
        if kind.list_type == "map":
            self._tell(item, place, "is empty: the item has to name itself, or to be left out")
            return item
        return self._empty(item, known, place)

    def _empty(self, node: YamlNode, kind: Type, place: Place) -> YamlNode:
        value = EMPTY[kind.type]
        self.emptied.append(f"{field_of(place)} is {json.dumps(value)}")
        return YamlNode(value, node.origin)

    def _left_out(self, place: Place) -> None:
        if place[-1] not in MEANINGLESS:
            self.emptied.append(f"{field_of(place)} is left out")

    def _loosely(self, node: YamlNode, place: Place) -> YamlNode:
        """Without a schema: unquoted placeholders are read as YAML reads them."""
        value = node.value
        if isinstance(value, dict):
            return YamlNode(self._loose_fields(value, place), node.origin)
        if isinstance(value, list):
            items = [self._loosely(item, (*place, index)) for index, item in enumerate(value)]
            return YamlNode(items, node.origin)
        if value is None:
            self.emptied.append(f"{field_of(place)} is null")
        return YamlNode(_put_in(value), node.origin) if isinstance(value, Unquoted) else node

    def _loose_fields(self, fields: dict[str, YamlNode], place: Place) -> dict[str, YamlNode]:
        kept = {}
        for key, child in fields.items():
            if child.value is None and self.drops_nulls:
                self._left_out((*place, key))
            elif (*place, key) == ("metadata",):
                kept[key] = self.conform(child, recorded().named(METADATA), ("metadata",))
            else:
                kept[key] = self._loosely(child, (*place, key))
        return kept

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


def _has_default(kind: Type, name: str) -> bool:
    child = kind.child(name)
    return child is not None and child.default is not None


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
