"""What an apply takes away after an adoption, known before either is written.

A dry run cannot adopt first. So what would be ours, and is neither in the manifest nor anybody else's, is taken out of
the object that the dry run gave, as the server would do it, and the server is asked for its defaults once more.
"""

import json
from collections.abc import Mapping
from functools import reduce
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.apply.ownership import Adoption, Fields, own_fields, union
from environments.kube.objects import Manifest, Ref

MADE_ELSEWHERE = frozenset({"apiVersion", "kind", "metadata", "status"})
TOLD = ("labels", "annotations")
ABSENT: Any = object()


def after_adoption(gateway: Gateway, ref: Ref, applied: Manifest, found: Adoption) -> Manifest:
    """The object as it will be: `applied` is what the dry run gave without the adoption. Raises KubeError."""
    owned = reduce(union, (entry.get("fieldsV1") or {} for entry in found.kept), own_fields(applied))
    rest = pruned(_open(applied), found.fields, owned)
    operations = _operations(_open(applied), {} if rest is ABSENT else rest)
    if not operations:
        return applied
    return gateway.json_patch(ref, _operations({}, rest) + _removals(_open(applied), rest), dry_run=True)


def pruned(value: Any, had: Fields, owned: Fields) -> Any:
    """The value less what `had` names and `owned` does not, as an apply prunes; ABSENT where nothing is left. Pure."""
    if isinstance(value, list):
        items = [_rest(item, *_item(item, had, owned)) for item in value]
        return [item for item in items if item is not ABSENT] or ABSENT
    if not isinstance(value, Mapping):
        return value
    rest = {
        name: _rest(inner, had.get(f"f:{name}"), owned.get(f"f:{name}"), named=True) for name, inner in value.items()
    }
    return {name: inner for name, inner in rest.items() if inner is not ABSENT} or ABSENT


def _rest(value: Any, had: Fields | None, owned: Fields | None, *, named: bool = False) -> Any:
    """One part of a value. A named field counts as had with all that is in it, an item only where it is so itself."""
    if had is None:
        return value
    if _is_member(had, named=named) and (owned is None or not _is_member(owned, named=named)):
        return ABSENT
    below = {key: tree for key, tree in had.items() if key != "."}
    return pruned(value, below, owned or {}) if below else value


def _is_member(fields: Fields, *, named: bool) -> bool:
    return named or not fields or "." in fields


def _item(item: Any, had: Fields, owned: Fields) -> tuple[Fields | None, Fields | None]:
    """What the two trees have below the element that stands for this item of a list."""
    element = next((key for key in (*had, *owned) if _fits(key, item)), "")
    return had.get(element), owned.get(element)


def _fits(element: str, item: Any) -> bool:
    form, _, text = element.partition(":")
    if form == "v":
        return bool(json.loads(text) == item)
    if form == "k" and isinstance(item, Mapping):
        return all(item.get(name) == value for name, value in json.loads(text).items())
    return False


def _open(obj: Manifest) -> Manifest:
    """What of an object an apply writes."""
    metadata = {name: obj["metadata"][name] for name in TOLD if obj["metadata"].get(name)}
    rest = {name: value for name, value in obj.items() if name not in MADE_ELSEWHERE}
    return {**rest, **({"metadata": metadata} if metadata else {})}


def _flat(obj: Manifest) -> dict[str, Any]:
    """By the path of a JSON Patch."""
    rest = {f"/{name}": value for name, value in obj.items() if name != "metadata"}
    return {**rest, **{f"/metadata/{name}": value for name, value in (obj.get("metadata") or {}).items()}}


def _operations(before: Manifest, after: Manifest) -> list[dict[str, Any]]:
    old = _flat(before)
    return [
        {"op": "add", "path": path, "value": value} for path, value in _flat(after).items() if old.get(path) != value
    ]


def _removals(before: Manifest, after: Manifest) -> list[dict[str, Any]]:
    return [{"op": "remove", "path": path} for path in _flat(before).keys() - _flat(after).keys()]
