"""Merges an overlay into a base by Kubernetes' strategic-merge rules.

Maps merge, null removes a key. A list merges where the API says by what (containers, env and volumes by name, ports by
port and protocol), else the overlay's replaces it. Kinds that the schema does not know (custom resources) merge as a
JSON merge patch, as kubectl has it: their lists are replaced.

`$patch: delete` removes the map or item that it stands in, `$patch: replace` replaces what is merged otherwise,
`$retainKeys` keeps only the keys it names, `$deleteFromPrimitiveList/FIELD` removes plain items;
`$setElementOrder/FIELD` is accepted and without effect: the base's order stays, and new items follow.
"""

import json
from collections.abc import Mapping
from typing import Any

from kube_schema import SchemaNode as Type

from .errors import Findings
from .node import BASE, OVERLAY, Origin, Place, YamlNode, field_of, lift, plain

PATCH = "$patch"
RETAIN = "$retainKeys"
ORDER = "$setElementOrder/"
DELETE_ITEMS = "$deleteFromPrimitiveList/"
# OpenAPI v2 names keys of lists but not what they default to.
DEFAULTS = {"protocol": "TCP"}
DIRECTIVES = ("delete", "merge", "replace")


def strategic_merge(base: Mapping[str, Any], patch: Mapping[str, Any], schema: Type | None) -> dict[str, Any]:
    """`base` with `patch` merged in, both plain data; `schema` is the type of both, None where it is not known.

    {} where the patch deletes all of it. Raises BundleErrors for a directive that makes no sense.
    """
    findings = Findings()
    merged = Merger(findings).merge(lift(base, Origin(BASE)), lift(patch, Origin(OVERLAY)), schema)
    findings.check()
    result: dict[str, Any] = plain(merged) if merged is not None else {}
    return result


class Merger:
    """Merges trees, and reports to `findings` what cannot be merged."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def merge(self, base: YamlNode | None, patch: YamlNode, kind: Type | None, place: Place = ()) -> YamlNode | None:
        """None where the patch removes what is there."""
        if patch.value is None:
            return None
        if isinstance(patch.value, dict):
            return self._map(base, patch, kind, place)
        if isinstance(patch.value, list):
            return self._list(base, patch, kind, place)
        return patch

    def _map(self, base: YamlNode | None, patch: YamlNode, kind: Type | None, place: Place) -> YamlNode | None:
        directive = self._directive(patch, place)
        if directive == "delete":
            return None
        replaced = directive == "replace" or (kind is not None and "replace" in kind.patch_strategy)
        kept = base if base is not None and base.is_map and not replaced else None
        merged: dict[str, YamlNode] = dict(kept.value) if kept is not None else {}
        for key, child in patch.value.items():
            if key.startswith("$") and (kind is not None or _is_directive(key)):
                self._apply_directive(merged, key, child, place)
                continue
            below = kind.child(key) if kind is not None and kind.type in {"struct", "map"} else None
            result = self.merge(merged.get(key), child, below, (*place, key))
            if result is None:
                merged.pop(key, None)
            else:
                merged[key] = result
        return YamlNode(merged, kept.origin if kept is not None else patch.origin)

    def _directive(self, patch: YamlNode, place: Place) -> str:
        found = patch.value.get(PATCH)
        if found is None:
            return ""
        if found.value not in DIRECTIVES:
            self._tell(found, (*place, PATCH), f"is one of {', '.join(DIRECTIVES)}")
            return ""
        return str(found.value)

    def _apply_directive(self, merged: dict[str, YamlNode], key: str, child: YamlNode, place: Place) -> None:
        if key == PATCH or key.startswith(ORDER):
            return
        wanted = plain(child)
        if not isinstance(wanted, list):
            self._tell(child, (*place, key), "a list is needed")
        elif key == RETAIN:
            kept = set(map(_identity, wanted))
            for name in [name for name in merged if _identity(name) not in kept]:
                del merged[name]
        elif key.startswith(DELETE_ITEMS):
            name = key.removeprefix(DELETE_ITEMS)
            if name in merged and merged[name].is_list:
                gone = set(map(_identity, wanted))
                items = [item for item in merged[name].value if _identity(plain(item)) not in gone]
                merged[name] = YamlNode(items, merged[name].origin)
        else:
            self._tell(child, (*place, key), "is no directive of a strategic merge")

    def _list(self, base: YamlNode | None, patch: YamlNode, kind: Type | None, place: Place) -> YamlNode:
        if kind is None or kind.type != "list" or "merge" not in kind.patch_strategy:
            return patch
        kept = base.value if base is not None and base.is_list else []
        origin = base.origin if base is not None and base.is_list else patch.origin
        if not kind.merge_key:
            return YamlNode(_united(kept, patch.value), origin)
        return YamlNode(self._items(kept, patch.value, kind, place), origin)

    def _items(self, kept: list[YamlNode], patches: list[YamlNode], kind: Type, place: Place) -> list[YamlNode]:
        """The base's items, each merged with the patch of its key, then the new ones."""
        if any(item.is_map and self._directive(item, place) == "replace" for item in patches):
            kept, patches = [], [item for item in patches if not (item.is_map and PATCH in item.value)]
        merged = {_key(item, kind) or index: item for index, item in enumerate(kept)}
        seen: dict[Any, int] = {}
        for index, item in enumerate(patches):
            key = _key(item, kind)
            if key is None:
                self._tell(item, (*place, index), f"needs {kind.merge_key}, by which it is merged")
                continue
            if key in seen:
                named = f"{kind.merge_key} {key[0]}"
                self._tell(item, (*place, index), f"{named} is already there in line {seen[key]}")
            seen[key] = item.origin.line
            result = self.merge(merged.get(key), item, kind.item, (*place, index))
            if result is None:
                merged.pop(key, None)
            else:
                merged[key] = result
        return list(merged.values())

    def _tell(self, node: YamlNode, place: Place, message: str) -> None:
        self.findings.add(node.origin, field_of(place), message)


def _is_directive(key: str) -> bool:
    return key in {PATCH, RETAIN} or key.startswith((ORDER, DELETE_ITEMS))


def key_fields(kind: Type) -> tuple[str, ...]:
    """The fields that name an item: the merge key, and of the list's keys those with a default, such as protocol."""
    item = kind.item
    more = [name for name in kind.list_keys if name != kind.merge_key and default_of(item, name) is not None]
    return (kind.merge_key, *more)


def _key(item: YamlNode, kind: Type) -> tuple[Any, ...] | None:
    if not item.is_map or kind.merge_key not in item.value:
        return None
    found = [item.value[name].value if name in item.value else default_of(kind.item, name) for name in key_fields(kind)]
    return None if any(isinstance(value, dict | list) for value in found) else tuple(found)


def default_of(item: Type | None, name: str) -> Any:
    """What an item's absent field stands for when items are told apart, None where nothing does."""
    child = item.child(name) if item is not None else None
    said = child.default if child is not None else None
    return DEFAULTS.get(name) if said is None else said


def _united(kept: list[YamlNode], added: list[YamlNode]) -> list[YamlNode]:
    known = {_identity(plain(item)) for item in kept}
    return [*kept, *(item for item in added if _identity(plain(item)) not in known)]


def _identity(value: Any) -> str:
    """What two plain values share that are the same to the API."""
    return json.dumps(value, sort_keys=True)
