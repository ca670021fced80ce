"""Structured merge: what an object's schema says about comparing, merging and removing its fields."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kube_schema import SchemaNode
from sandbox.fieldset import FieldSet, is_member, node

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT", "__bool__": lambda _: False})()


class FieldComparison(NamedTuple):
    added: FieldSet
    modified: FieldSet
    removed: FieldSet


class MissingKey(Exception):
    """An item of a keyed list does not name itself. `words` as the server has them."""


def element_of(item: Any, index: int, kind: SchemaNode) -> str:
    """The path element of a list's item: its keys, its value, or its place."""
    if kind.list_type == "map" and kind.item is not None:
        return "k:" + _compact(_keys_of(item, kind, index))
    return "v:" + _compact(item) if kind.list_type == "set" else f"i:{index}"


def _keys_of(item: Any, kind: SchemaNode, index: int) -> dict[str, Any]:
    keys = {}
    for key in sorted(kind.list_keys):
        value = item.get(key) if isinstance(item, Mapping) else None
        if value is None:
            value = _default_key(kind, key, index)
        keys[key] = value
    return keys


def _default_key(kind: SchemaNode, key: str, index: int) -> Any:
    known = kind.item.child(key) if kind.item else None
    if known is None or known.default is None:
        words = (
            f'associative list with keys has an element that omits key field "{key}" (and doesn\'t have default value)'
        )
        raise MissingKey(f"element {index}: {words}")
    return known.default


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def path_text(elements: Sequence[str]) -> str:
    """Elements as the server names a field: .spec.containers[name="web"].image"""
    return "".join(_element_text(element) for element in elements)


def _element_text(element: str) -> str:
    form, _, rest = element.partition(":")
    if form == "f":
        return f".{rest}"
    if form == "k":
        pairs = json.loads(rest).items()
        return "[" + ",".join(f"{key}={_compact(value)}" for key, value in pairs) + "]"
    return f"[={rest}]" if form == "v" else f"[{rest}]"


def is_leaf(kind: SchemaNode | None, value: Any) -> bool:
    """Whether apply sees the value as one, and not its parts."""
    if kind is None or kind.type == "any":
        return not isinstance(value, Mapping) or (kind is not None and kind.atomic)
    if kind.type in ("struct", "map"):
        return kind.atomic or not isinstance(value, Mapping)
    return kind.type != "list" or kind.atomic or not isinstance(value, list)


def child_of(kind: SchemaNode | None, name: str) -> SchemaNode | None:
    return kind.child(name) if kind is not None and kind.type in ("struct", "map") else None


def _named(kind: SchemaNode | None, name: str) -> bool:
    return kind is not None and kind.type == "struct" and name in kind.children


def items_of(value: list[Any], kind: SchemaNode) -> Iterator[tuple[str, Any]]:
    return ((element_of(item, index, kind), item) for index, item in enumerate(value))


# -- the fields of a value ------------------------------------------------------------------------------------------


def fields_of(value: Any, kind: SchemaNode | None) -> FieldSet:
    """The fields that a configuration names: its leaves, the keys of its maps and the items of its lists."""
    if isinstance(value, list):
        assert kind is not None
        found = {}
        for element, item in items_of(value, kind):
            found[element] = node(True, {} if is_leaf(kind.item, item) else fields_of(item, kind.item))
        return found
    return _fields_of_map(value, kind)


def _fields_of_map(value: Mapping[str, Any], kind: SchemaNode | None) -> FieldSet:
    found: FieldSet = {}
    for name, inner in value.items():
        known = child_of(kind, name)
        if is_leaf(known, inner):
            found[f"f:{name}"] = {}
            continue
        member = inner == {} or not _named(kind, name)
        below = node(member, fields_of(inner, known))
        if below is not None:
            found[f"f:{name}"] = below
    return found


# -- comparison -----------------------------------------------------------------------------------------------------


def compare(left: Any, right: Any, kind: SchemaNode | None) -> FieldComparison:
    """What `right` adds to, changes in and removes from `left`."""
    found = _compare(left, right, kind)
    return FieldComparison(*(part or {} for part in found))


_Parts = tuple[FieldSet | None, FieldSet | None, FieldSet | None]
_SAME: _Parts = (None, None, None)


def _compare(left: Any, right: Any, kind: SchemaNode | None) -> _Parts:
    if left is right:
        return _SAME
    if _both_leaf(left, right, kind):
        return _compare_leaf(left, right)
    parts: tuple[FieldSet, FieldSet, FieldSet] = ({}, {}, {})
    for element, mine, other, known in _pairs(left, right, kind):
        for collected, found in zip(parts, _compare(mine, other, known), strict=True):
            if found is not None:
                collected[element] = found
    return (
        node(left is ABSENT, parts[0]),
        parts[1] or None,
        node(right is ABSENT, parts[2]),
    )


def _both_leaf(left: Any, right: Any, kind: SchemaNode | None) -> bool:
    if all(value is ABSENT or value in ({}, [], None) for value in (left, right)):
        return True
    return any(value is not ABSENT and value is not None and is_leaf(kind, value) for value in (left, right))


def _compare_leaf(left: Any, right: Any) -> _Parts:
    if left is ABSENT:
        return {}, None, None
    if right is ABSENT:
        return None, None, {}
    return _SAME if left == right else (None, {}, None)


def _pairs(left: Any, right: Any, kind: SchemaNode | None) -> Iterator[tuple[str, Any, Any, SchemaNode | None]]:
    """The parts of two values side by side, with their types."""
    if isinstance(left, list) or isinstance(right, list):
        assert kind is not None
        mine = dict(items_of(left or [], kind))
        others = dict(items_of(right or [], kind))
        for element in mine | others:
            yield element, mine.get(element, ABSENT), others.get(element, ABSENT), kind.item
        return
    yield from _pairs_of_maps(left, right, kind)


def _pairs_of_maps(left: Any, right: Any, kind: SchemaNode | None) -> Iterator[tuple[str, Any, Any, SchemaNode | None]]:
    for name in dict.fromkeys([*(left or ()), *(right or ())]):
        known = child_of(kind, name)
        absent = _absent(kind, name, known)
        yield f"f:{name}", _part(left, name, absent), _part(right, name, absent), known


def _part(value: Any, name: str, absent: Any) -> Any:
    return ABSENT if value is ABSENT or value is None else value.get(name, absent)


def _absent(kind: SchemaNode | None, name: str, known: SchemaNode | None) -> Any:
    """What stands for an absent field: empty where every decoded object has it as soon as it has the parent."""
    if kind is None or known is None or not (known.embedded or name in kind.required):
        return ABSENT
    return [] if known.type == "list" else {} if known.embedded or known.type == "map" else ABSENT


# -- merging --------------------------------------------------------------------------------------------------------


def merge(left: Any, right: Any, kind: SchemaNode | None) -> Any:
    """`left` with the configuration `right` applied onto it."""
    if right is ABSENT:
        return left
    if left is ABSENT or left is None or right is None or _both_leaf(left, right, kind):
        return right
    if isinstance(right, list):
        assert kind is not None
        return _merge_lists(left, right, kind)
    merged = dict(left)
    for name, value in right.items():
        merged[name] = merge(left.get(name, ABSENT), value, child_of(kind, name))
    return merged


def _merge_lists(left: list[Any], right: list[Any], kind: SchemaNode) -> list[Any]:
    """The order of `right`, and between its items those of `left` that it does not name, where they stood."""
    mine, wanted = list(items_of(left, kind)), dict(items_of(right, kind))
    known = dict(reversed(mine))
    order, done = list(wanted), set[str]()
    shared = [element for element in order if element in known]
    merged, at, to = [], 0, 0
    while at < len(mine) or to < len(order):
        if at < len(mine):
            element, item = mine[at]
            if element not in wanted:
                merged.append(item)
                at += 1
                continue
            waiting = next((each for each in shared if each not in done), None)
            if element in done or (to < len(order) and element != order[to] and element != waiting):
                at += 1
                continue
        element = order[to]
        merged.append(merge(known.get(element, ABSENT), wanted[element], kind.item))
        done.add(element)
        to += 1
    return merged


# -- removal --------------------------------------------------------------------------------------------------------


def remove(value: Any, fields: FieldSet, kind: SchemaNode | None) -> Any:
    """The value without the members of `fields` and what is below them; ABSENT where nothing is left."""
    if not fields or is_leaf(kind, value):
        return value
    if isinstance(value, list):
        assert kind is not None
        kept = [_rest(item, fields.get(element), kind.item) for element, item in items_of(value, kind)]
        return [item for item in kept if item is not ABSENT] or ABSENT
    rest = {name: _rest(inner, fields.get(f"f:{name}"), child_of(kind, name)) for name, inner in value.items()}
    return {name: inner for name, inner in rest.items() if inner is not ABSENT} or ABSENT


def _rest(value: Any, fields: FieldSet | None, kind: SchemaNode | None) -> Any:
    if fields is None:
        return value
    return ABSENT if is_member(fields) else remove(value, fields, kind)


def with_structs(fields: FieldSet, kind: SchemaNode | None) -> FieldSet:
    """The set in which a struct's field that leads to members is a member too."""
    found = {}
    for element, inner in fields.items():
        known = _node_at(element, kind)
        below = with_structs({name: each for name, each in inner.items() if name != "."}, known)
        member = is_member(inner) or (element.startswith("f:") and _named(kind, element[2:]))
        if element == ".":
            found[element] = inner
        else:
            found[element] = node(member, below) or {}
    return found


def _node_at(element: str, kind: SchemaNode | None) -> SchemaNode | None:
    if element.startswith("f:"):
        return child_of(kind, element[2:])
    return kind.item if kind is not None and kind.type == "list" else None
