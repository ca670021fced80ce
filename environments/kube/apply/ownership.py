"""Whose hand is on which field of an object, and how ours comes to it.

An object's managedFields say which manager owns which field, as a tree: `f:NAME` is a field, `k:{…}` an item of
a list by its keys, `v:…` an item of a set, `.` the node itself.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from environments.kube.api.client import Gateway
from environments.kube.apply.managers import OURS, is_controller, is_deployer, may_adopt, stays
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.names import MANAGER
from environments.kube.objects import Manifest, Ref, scale_target

Fields = dict[str, Any]
Entry = Mapping[str, Any]
Patch = list[dict[str, Any]]


class ForeignFields(NamedTuple):
    """Fields that another manager owns, alone or beside us: leaving them out of a bundle does not remove them."""

    manager: str
    operation: str
    subresource: str
    fields: tuple[str, ...]


def entries_of(obj: Mapping[str, Any]) -> list[Entry]:
    return obj.get("metadata", {}).get("managedFields") or []


def foreign_fields(obj: Mapping[str, Any]) -> tuple[ForeignFields, ...]:
    """What people and tools hold in an object. Left out: us, status, controllers, and what an autoscaler writes."""
    found = []
    for entry in entries_of(obj):
        manager, subresource = entry["manager"], entry.get("subresource", "")
        if manager in OURS or subresource == "status" or is_controller(manager):
            continue
        fields = tuple(paths_of(entry.get("fieldsV1") or {}))
        found.append(ForeignFields(manager, entry["operation"], subresource, fields))
    return tuple(found)


def paths_of(fields: Fields, at: str = "") -> Iterator[str]:
    """The leaves of a fieldsV1 tree as paths: `spec.template.spec.containers[name="web"].image`."""
    for key, below in fields.items():
        if key == ".":
            continue
        path = _join(at, key)
        inner = {name: tree for name, tree in below.items() if name != "."}
        if inner:
            yield from paths_of(inner, path)
        else:
            yield path


def _join(at: str, key: str) -> str:
    kind, _, rest = key.partition(":")
    if kind == "f":
        return f"{at}.{rest}" if at else rest
    if kind == "k":
        pairs = json.loads(rest)
        return f"{at}[{','.join(f'{name}={json.dumps(value)}' for name, value in pairs.items())}]"
    return f"{at}[{rest}]"


def owns(obj: Mapping[str, Any], manager: str, path: tuple[str, ...]) -> bool:
    """Whether a manager's apply owns the field, such as ("f:spec", "f:replicas")."""
    return any(
        entry["manager"] == manager and entry["operation"] == "Apply" and _at(entry.get("fieldsV1") or {}, path)
        for entry in entries_of(obj)
    )


def _at(fields: Fields, path: tuple[str, ...]) -> bool:
    for key in path:
        if key not in fields:
            return False
        fields = fields[key]
    return True


def union(first: Fields, second: Fields) -> Fields:
    """All fields of two trees."""
    merged = dict(first)
    for key, below in second.items():
        merged[key] = union(merged[key], below) if key in merged else below
    return merged


def difference(fields: Fields, other: Fields) -> Fields:
    """The fields of the one tree that the other has not."""
    found: Fields = {}
    for key, below in fields.items():
        if key not in other:
            found[key] = below
        elif inner := difference(below, other[key]):
            found[key] = inner
    return found


def divide(fields: Fields, kind: str, spare: frozenset[str], at: tuple[str, ...] = ()) -> tuple[Fields, Fields]:
    """The fields that are taken, and those that stay with their manager; what leads to a field stays with it."""
    taken: Fields = {}
    kept: Fields = {}
    for key, below in fields.items():
        path = (*at, key)
        if stays(path, kind, spare):
            kept[key] = below
            continue
        mine, theirs = divide(below, kind, spare, path)
        if theirs:
            kept[key] = {**({".": below["."]} if "." in below else {}), **theirs}
        if mine.keys() - {"."} or not theirs:
            taken[key] = mine
    return taken, kept


class Adoption(NamedTuple):
    """What becomes ours of an object: `fields` in all, with what we had, `kept` what stays with whom.

    `managers` are those that something is taken from; none where there is nothing to take.
    """

    fields: Fields
    kept: tuple[Entry, ...]
    managers: tuple[str, ...]


def adoption(live: Manifest, spare: frozenset[str] = frozenset()) -> Adoption:
    """What an adoption would take of the object, less what is spared (managers.MARKS, managers.RESTARTS). Pure.

    Replicas stay where they are, since they are for slipway-scale to take.
    """
    taken = own_fields(live)
    kept: list[Entry] = []
    managers: list[str] = []
    for entry in entries_of(live):
        if is_mine(entry):
            continue
        if not may_adopt(entry, live["apiVersion"]):
            kept.append(entry)
            continue
        fields, left = divide(entry.get("fieldsV1") or {}, live.get("kind", ""), spare)
        kept += [{**entry, "fieldsV1": left}] if left else []
        managers += [entry["manager"]] if fields else []
        taken = union(taken, fields)
    return Adoption(taken, tuple(kept), tuple(dict.fromkeys(managers)))


def own_fields(live: Manifest) -> Fields:
    """What slipway's applies own."""
    return next((entry.get("fieldsV1") or {} for entry in entries_of(live) if is_mine(entry)), {})


def adoption_patch(live: Manifest, spare: frozenset[str] = frozenset()) -> tuple[Patch, tuple[str, ...]]:
    """The JSON Patch that makes others' fields ours, and the managers they come from; both empty for none. Pure.

    Values do not change: the next apply removes what the bundle does not have.
    """
    found = adoption(live, spare)
    if not found.managers:
        return [], ()
    entries = entries_of(live)
    mine = next((entry for entry in entries if is_mine(entry)), None)
    first = next(entry for entry in entries if entry["manager"] in found.managers)
    base = {**(mine or first), "manager": MANAGER, "operation": "Apply", "fieldsV1": found.fields}
    version = live["metadata"]["resourceVersion"]
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": [base, *found.kept]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]
    return patch, found.managers


def held_by_deployers(live: Manifest, spare: frozenset[str] = frozenset()) -> bool:
    """Whether a tool that brings whole objects holds something of it that we do not, and that may be taken."""
    own = own_fields(live)
    return any(
        difference(divide(entry.get("fieldsV1") or {}, live.get("kind", ""), spare)[0], own)
        for entry in entries_of(live)
        if is_deployer(entry["manager"]) and may_adopt(entry, live["apiVersion"])
    )


def written_since(live: Manifest) -> tuple[str, ...]:
    """The tools that have written to an object after our last apply of it; none where we never wrote."""
    ours = max((_time(entry) for entry in entries_of(live) if is_mine(entry)), default="")
    later = (e["manager"] for e in entries_of(live) if is_deployer(e["manager"]) and _time(e) > ours)
    return tuple(dict.fromkeys(later)) if ours else ()


def _time(entry: Entry) -> str:
    return str(entry.get("time", ""))


def is_mine(entry: Entry) -> bool:
    """Whether an entry of managedFields is our own apply's."""
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (MANAGER, "Apply", "")


def adopt(gateway: Gateway, ref: Ref, spare: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Makes what people and tools hold in an object ours, less what is spared; the managers it was taken from.

    Raises KubeError: Stale where the object keeps changing.
    """

    def attempt() -> tuple[str, ...]:
        live = gateway.get(ref)
        patch, managers = adoption_patch(live, spare) if live else ([], ())
        if not patch:
            return ()
        gateway.json_patch(ref, patch)
        return managers

    return decide_anew(attempt)


def autoscaled(scalers: list[Manifest], ref: Ref) -> bool:
    """Whether one of these HorizontalPodAutoscalers or ScaledObjects holds the workload's replicas."""
    return any(scale_target(scaler, default_namespace=ref.namespace).key == ref.key for scaler in scalers)
