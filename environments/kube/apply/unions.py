"""Fields of which an object may have one alone, where what is there stands in the way of what a manifest has.

A rolling update's numbers under `strategy: Recreate`, a probe that was another kind of probe: server-side apply leaves
what it does not own, and the server refuses both together. `kubectl apply` removes the other one, and so does this:
what is left over is told from the server's own words. Pure.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from environments.kube.api.errors import Cause
from environments.kube.apply.ownership import Fields, entries_of, is_mine, union
from environments.kube.names import MANAGER
from environments.kube.objects import Manifest
from kube_schema import SchemaNode, recorded

FieldPath = tuple[str, ...]
"""A field as managedFields names it: ("f:spec", "f:strategy", "f:rollingUpdate"), items of lists by their keys."""

ONE_ALONE = re.compile(
    r"may not (specify|have) more than|may not be specified when|cannot (be )?(both )?set|can only be set when"
    r"|only allowed for|must not be set when|mutually exclusive"
)
STEP = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


def left_over(manifest: Manifest, live: Mapping[str, Any], causes: Iterable[Cause]) -> tuple[FieldPath, ...]:
    """The fields of what is there that stand in the way of the manifest's, by the causes of a refusal; () for none."""
    found: dict[FieldPath, None] = {}
    root = recorded().root(manifest["apiVersion"], manifest["kind"])
    for cause in causes:
        if ONE_ALONE.search(cause.message):
            names = [name or None for name, _ in STEP.findall(cause.field)]
            found |= dict.fromkeys(_in_the_way(manifest, live, root, names, cause.message))
    return tuple(found)


def _in_the_way(
    mine: Any, there: Any, node: SchemaNode | None, names: Sequence[str | None], words: str, at: FieldPath = ()
) -> Iterator[FieldPath]:
    """Walks both along a path in which None is any item of a list."""
    if not names:
        return
    name, *rest = names
    if name is None:
        for key, pair in _items(mine, there, node):
            yield from _in_the_way(*pair, node.item if node else None, rest, words, (*at, key))
    elif isinstance(mine, dict) and isinstance(there, dict):
        if rest and any(rest):
            below = node.child(name) if node else None
            yield from _in_the_way(mine.get(name), there.get(name), below, rest, words, (*at, f"f:{name}"))
        else:
            yield from _at(mine, there, name, node, words, at, listed=bool(rest))


def _at(
    mine: dict[str, Any],
    there: dict[str, Any],
    name: str,
    node: SchemaNode | None,
    words: str,
    at: FieldPath,
    *,
    listed: bool,
) -> Iterator[FieldPath]:
    """What stands in the way of a field that the server complains about: itself, what is in it, or beside it."""
    if listed:
        for key, (own, other) in _items(mine.get(name), there.get(name), node.child(name) if node else None):
            yield from (((*at, f"f:{name}", key, f"f:{each}")) for each in _others(own, other, words))
    elif name not in mine:
        yield from [(*at, f"f:{name}")] if name in there else []
    elif inside := _others(mine[name], there.get(name), words):
        yield from ((*at, f"f:{name}", f"f:{each}") for each in inside)
    else:
        yield from ((*at, f"f:{each}") for each in _others(mine, there, words))


def _others(mine: Any, there: Any, words: str) -> list[str]:
    """The fields that only what is there has: those that the server's words name, else those that are maps."""
    if not isinstance(mine, dict) or not isinstance(there, dict):
        return []
    alone = [name for name in there if name not in mine]
    named = [name for name in alone if re.search(rf"\b{re.escape(name)}\b", words)]
    return named or [name for name in alone if isinstance(there[name], dict)]


def _items(mine: Any, there: Any, node: SchemaNode | None) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """(key, both items) of two lists whose items have keys."""
    if not isinstance(mine, list) or not isinstance(there, list) or node is None or not node.list_keys:
        return
    known = {_key(each, node): each for each in there}
    for each in mine:
        if (key := _key(each, node)) in known:
            yield key, (each, known[key])


def _key(item: Mapping[str, Any], node: SchemaNode) -> str:
    """An item's name in managedFields, with defaults filled in."""
    keys = {name: item.get(name, _default(node, name)) for name in sorted(node.list_keys)}
    given = {name: value for name, value in keys.items() if value is not None}
    return f"k:{json.dumps(given, separators=(',', ':'), ensure_ascii=False)}"


def _default(node: SchemaNode, name: str) -> Any:
    child = node.item.child(name) if node.item else None
    return child.default if child else None


def owning_patch(live: Manifest, paths: Iterable[FieldPath]) -> list[dict[str, Any]]:
    """The JSON Patch that makes these fields ours alone, so that an apply without them removes them.

    No value changes, and it reaches only this version of the object.
    """
    entries = [dict(each) for each in entries_of(live)]
    taken: Fields = {}
    root = recorded().root(live["apiVersion"], live["kind"])
    for path in paths:
        taken = union(taken, _tree(live, root, path))
        for entry in entries:
            entry["fieldsV1"] = _without(entry.get("fieldsV1") or {}, path)
    mine = next((entry for entry in entries if is_mine(entry)), None)
    base = dict(mine or {"manager": MANAGER, "operation": "Apply", "apiVersion": live["apiVersion"]})
    base |= {"fieldsType": "FieldsV1", "fieldsV1": union(base.get("fieldsV1") or {}, taken)}
    others = [entry for entry in entries if entry is not mine and entry["fieldsV1"]]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [base, *others]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
    ]


def _without(fields: Fields, path: FieldPath) -> Fields:
    """A tree of managedFields less the branch at a path, and what led to nothing else."""
    key, *rest = path
    if key not in fields:
        return fields
    others = {name: below for name, below in fields.items() if name != key}
    kept = _without(fields[key], tuple(rest)) if rest else {}
    return {**others, key: kept} if kept else others


def _tree(value: Any, node: SchemaNode | None, path: FieldPath) -> Fields:
    """The tree of managedFields that has the branch at a path, down to its leaves."""
    if not path:
        return _leaves(value, node)
    step, *rest = path
    below, child = _step(value, node, step)
    return {step: _tree(below, child, tuple(rest))}


def _leaves(value: Any, node: SchemaNode | None) -> Fields:
    if not isinstance(value, dict) or not value or (node is not None and node.atomic):
        return {}
    inner = {f"f:{name}": _leaves(each, node.child(name) if node else None) for name, each in value.items()}
    return {".": {}, **inner}


def _step(value: Any, node: SchemaNode | None, step: str) -> tuple[Any, SchemaNode | None]:
    kind, _, name = step.partition(":")
    if kind == "f":
        return (value or {}).get(name), node.child(name) if node else None
    found = (each for each in value or [] if node and _key(each, node) == step)
    return next(found, None), node.item if node else None


def as_it_is(manifest: Manifest, live: Mapping[str, Any], paths: Iterable[FieldPath]) -> Manifest:
    """The manifest with what is there in place of its own wherever something stands in its way: the server takes it."""
    found = deepcopy(manifest)
    root = recorded().root(manifest["apiVersion"], manifest["kind"])
    for parent in dict.fromkeys(path[:-1] for path in paths):
        _put(found, root, parent, deepcopy(_get(live, root, parent)))
    return found


def as_it_will_be(after: Manifest, manifest: Manifest, paths: Iterable[FieldPath]) -> Manifest:
    """What the server made of `as_it_is`, with the manifest's own in its place and without what stood in its way."""
    several, found = list(paths), deepcopy(after)
    root = recorded().root(manifest["apiVersion"], manifest["kind"])
    for parent in dict.fromkeys(path[:-1] for path in several):
        gone = [path[-1].partition(":")[2] for path in several if path[:-1] == parent]
        there = {name: value for name, value in _get(found, root, parent).items() if name not in gone}
        _put(found, root, parent, _merged(there, _get(manifest, root, parent)))
    return found


def owned_as_it_will_be(after: Manifest, manifest: Manifest, paths: Iterable[FieldPath]) -> list[dict[str, Any]]:
    """The managedFields of `as_it_is`, with what the manifest itself says in place of what was there."""
    root = recorded().root(manifest["apiVersion"], manifest["kind"])
    entries = [dict(each) for each in entries_of(after)]
    for entry in entries:
        for parent in dict.fromkeys(path[:-1] for path in paths) if is_mine(entry) else ():
            own = _tree(manifest, root, parent)
            entry["fieldsV1"] = union(_without(entry.get("fieldsV1") or {}, parent), own)
    return entries


def _get(value: Any, node: SchemaNode | None, path: FieldPath) -> Any:
    for step in path:
        value, node = _step(value, node, step)
    return value


def _put(value: Any, node: SchemaNode | None, path: FieldPath, new: Any) -> None:
    for step in path[:-1]:
        value, node = _step(value, node, step)
    kind, _, name = path[-1].partition(":")
    if kind == "f":
        value[name] = new
    else:
        assert node is not None
        value[:] = [new if _key(each, node) == path[-1] else each for each in value]


def _merged(there: Any, mine: Any) -> Any:
    if not isinstance(there, dict) or not isinstance(mine, dict):
        return mine
    return {**there, **{name: _merged(there.get(name), value) for name, value in mine.items()}}
