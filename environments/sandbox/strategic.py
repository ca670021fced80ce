"""Strategic merge patch: lists merged by key, and the directives $patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList."""

from collections.abc import Mapping
from typing import Any

from environments.schema import Node

_ORDER, _DELETE, _RETAIN, _PATCH = "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys", "$patch"


class PatchError(Exception):
    """A patch that cannot be understood."""


def strategic_merge(value: Mapping[str, Any], patch: Mapping[str, Any], kind: Node | None) -> dict[str, Any]:
    """The object after the patch; neither argument is changed."""
    if patch.get(_PATCH) == "replace":
        return {name: _plain(inner) for name, inner in patch.items() if name != _PATCH}
    if patch.get(_PATCH) == "delete":
        return {}
    merged = dict(value)
    if _RETAIN in patch:
        merged = {name: inner for name, inner in merged.items() if name in patch[_RETAIN]}
    for name, inner in patch.items():
        if name not in (_PATCH, _RETAIN) and not name.startswith((_ORDER, _DELETE)):
            _set(merged, name, inner, _child(kind, name), patch)
    for name in _directed(patch):
        if name not in patch and isinstance(merged.get(name), list):
            _set(merged, name, [], _child(kind, name), patch)
    return merged


def _directed(patch: Mapping[str, Any]) -> list[str]:
    return [name.partition("/")[2] for name in patch if name.startswith((_ORDER, _DELETE))]


def _child(kind: Node | None, name: str) -> Node | None:
    return kind.child(name) if kind is not None and kind.type in ("struct", "map") else None


def _set(merged: dict[str, Any], name: str, inner: Any, kind: Node | None, patch: Mapping[str, Any]) -> None:
    if inner is None:
        merged.pop(name, None)
    elif isinstance(inner, Mapping):
        _set_map(merged, name, inner, kind)
    elif isinstance(inner, list) and kind is not None and "merge" in kind.patch_strategy:
        before = merged.get(name) or []
        order, gone = patch.get(_ORDER + name), patch.get(_DELETE + name) or []
        merged[name] = _merge_list(before, inner, kind, order, gone)
    else:
        merged[name] = _plain(inner)


def _set_map(merged: dict[str, Any], name: str, inner: Mapping[str, Any], kind: Node | None) -> None:
    before = merged.get(name)
    if inner.get(_PATCH) == "delete":
        merged.pop(name, None)
    elif kind is not None and "replace" in kind.patch_strategy:
        merged[name] = _plain(inner)
    else:
        merged[name] = strategic_merge(before if isinstance(before, Mapping) else {}, inner, kind)


def _merge_list(
    before: list[Any], patch: list[Any], kind: Node, order: list[Any] | None, gone: list[Any]
) -> list[Any]:
    if not kind.merge_key:
        merged = [item for item in before if item not in gone]
        merged += [item for item in patch if item not in merged]
        return _sorted(merged, order, lambda item: item)
    if any(isinstance(item, Mapping) and item.get(_PATCH) == "replace" for item in patch):
        return [_plain(item) for item in patch if _PATCH not in item]
    merged = _merge_keyed(before, patch, kind)
    wanted = None if order is None else [item.get(kind.merge_key) for item in order]
    return _sorted(merged, wanted, lambda item: item.get(kind.merge_key))


def _merge_keyed(before: list[Any], patch: list[Any], kind: Node) -> list[Any]:
    key = kind.merge_key
    merged = list(before)
    for item in patch:
        if key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        places = [place for place, each in enumerate(merged) if each.get(key) == item[key]]
        if item.get(_PATCH) == "delete":
            merged = [each for each in merged if each.get(key) != item[key]]
        elif places:
            merged[places[0]] = strategic_merge(merged[places[0]], item, kind.item)
        else:
            merged.append(strategic_merge({}, item, kind.item))
    return merged


def _sorted(merged: list[Any], order: list[Any] | None, key: Any) -> list[Any]:
    """The named items in the order that the client asks for; what it does not know keeps its place before the next."""
    if not order:
        return merged
    ranks = {_hashable(value): rank for rank, value in enumerate(order)}
    rank, ranked = -1.0, []
    for place, item in enumerate(merged):
        rank = ranks.get(_hashable(key(item)), rank)
        ranked.append((rank, place, item))
    return [item for _, _, item in sorted(ranked, key=lambda each: each[:2])]


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _plain(value: Any) -> Any:
    """A new value without nulls and directives."""
    if isinstance(value, Mapping):
        return {
            name: _plain(inner) for name, inner in value.items() if inner is not None and not name.startswith("$")
        }
    return [_plain(item) for item in value] if isinstance(value, list) else value
