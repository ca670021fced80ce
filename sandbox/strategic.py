"""Strategic merge patch: lists merged by key, and its directives, which begin with a dollar sign."""

from collections.abc import Callable, Mapping
from typing import Any

from kube_schema import SchemaNode

_ORDER, _DELETE, _RETAIN, _PATCH = "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys", "$patch"


class StrategicMergeError(Exception):
    """A patch that cannot be understood."""


def strategic_merge(value: Mapping[str, Any], patch: Mapping[str, Any], kind: SchemaNode | None) -> dict[str, Any]:
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


def _child(kind: SchemaNode | None, name: str) -> SchemaNode | None:
    return kind.child(name) if kind is not None and kind.type in ("struct", "map") else None


def _set(merged: dict[str, Any], name: str, inner: Any, kind: SchemaNode | None, patch: Mapping[str, Any]) -> None:
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


def _set_map(merged: dict[str, Any], name: str, inner: Mapping[str, Any], kind: SchemaNode | None) -> None:
    before = merged.get(name)
    if inner.get(_PATCH) == "delete":
        merged.pop(name, None)
    elif kind is not None and "replace" in kind.patch_strategy:
        merged[name] = _plain(inner)
    else:
        merged[name] = strategic_merge(before if isinstance(before, Mapping) else {}, inner, kind)


def _merge_list(
    before: list[Any], patch: list[Any], kind: SchemaNode, order: list[Any] | None, gone: list[Any]
) -> list[Any]:
    if not kind.merge_key:
        merged = [item for item in before if item not in gone]
        merged += [item for item in patch if item not in merged]
        return _ordered(merged, patch if order is None else order, before, _hashable)
    if any(isinstance(item, Mapping) and item.get(_PATCH) == "replace" for item in patch):
        return [_plain(item) for item in patch if _PATCH not in item]

    def name(item: Any) -> Any:
        return _hashable(item.get(kind.merge_key))

    return _ordered(_merge_keyed(before, patch, kind), patch if order is None else order, before, name)


def _merge_keyed(before: list[Any], patch: list[Any], kind: SchemaNode) -> list[Any]:
    key = kind.merge_key
    merged = list(before)
    for item in patch:
        if key not in item:
            raise StrategicMergeError(f"map: {item} does not contain declared merge key: {key}")
        places = [place for place, each in enumerate(merged) if each.get(key) == item[key]]
        if item.get(_PATCH) == "delete":
            merged = [each for each in merged if each.get(key) != item[key]]
        elif places:
            merged[places[0]] = strategic_merge(merged[places[0]], item, kind.item)
        else:
            merged.append(strategic_merge({}, item, kind.item))
    return merged


def _ordered(merged: list[Any], order: list[Any], before: list[Any], name: Callable[[Any], Any]) -> list[Any]:
    """The patch's items in its order, and between them the server's own where they stood before them."""
    ranks = {name(item): rank for rank, item in enumerate(order)}
    stood = {name(item): place for place, item in enumerate(before)}
    mine = sorted((item for item in merged if name(item) in ranks), key=lambda item: ranks[name(item)])
    others = [item for item in merged if name(item) not in ranks]
    result = []
    while mine and others:
        first, second = stood.get(name(others[0])), stood.get(name(mine[0]))
        source = others if first is not None and second is not None and first < second else mine
        result.append(source.pop(0))
    return result + mine + others


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _plain(value: Any) -> Any:
    """A new value without nulls and directives."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None and not name.startswith("$")}
    return [_plain(item) for item in value] if isinstance(value, list) else value
