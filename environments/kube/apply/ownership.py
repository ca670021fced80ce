"""Whose hand is on which field of an object, and how ours comes to it.

An object's managedFields say which manager owns which field, as a tree: `f:NAME` is a field, `k:{…}` an item of
a list by its keys, `v:…` an item of a set, `.` the node itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from environments.kube.api.client import Gateway
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.names import MANAGER, SCALE, TRAFFIC
from environments.kube.objects import Manifest, Ref, scale_target

Fields = dict[str, Any]
Entry = Mapping[str, Any]

OURS = frozenset({MANAGER, SCALE, TRAFFIC})
SCALED_KINDS = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
CONTROLLERS = re.compile(
    r"^(kube-.*|kubelet|controllers|cluster-autoscaler|.*controller(-manager)?|.*-operator|istiod|pilot-discovery"
    r"|keda.*|cert-manager.*|flagger|velero.*|vpa-.*|vault-.*|linkerd.*)$"
)
TOOLS = re.compile(r"^(kubectl.*|helm)$", re.IGNORECASE)
REPLICAS = ("f:spec", "f:replicas")
NEVER_TAKEN = (("f:status",), ("f:metadata", "f:finalizers"), ("f:metadata", "f:ownerReferences"))


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
        if manager in OURS or subresource == "status" or CONTROLLERS.match(manager):
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


def take_out(fields: Fields, path: tuple[str, ...]) -> tuple[Fields, Fields]:
    """The tree without the branch at `path`, and the tree that has this branch alone."""
    key, *rest = path
    if key not in fields:
        return fields, {}
    others = {name: below for name, below in fields.items() if name != key}
    if not rest:
        return others, {key: fields[key]}
    kept, taken = take_out(fields[key], tuple(rest))
    left = {**others, key: kept} if kept else others
    return left, {key: taken} if taken else {}


def may_adopt(entry: Entry, api_version: str) -> bool:
    """Whether an entry is a person's or a tool's that worked like one, not a controller's, and of our version."""
    if entry.get("subresource") or entry.get("apiVersion") != api_version:
        return False
    if entry["operation"] == "Update":
        return not CONTROLLERS.match(entry["manager"])
    return bool(TOOLS.match(entry["manager"]))


def adoption_patch(live: Manifest) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The JSON Patch that makes others' fields ours, and the managers they come from; both empty for none. Pure.

    Values do not change: the next apply removes what the bundle does not have. Replicas stay where they are, since
    they are for slipway-scale to take.
    """
    entries = entries_of(live)
    api_version = live["apiVersion"]
    moved = [entry for entry in entries if may_adopt(entry, api_version)]
    taken: Fields = {}
    left: list[Entry] = []
    for entry in moved:
        fields, kept = _divide(entry.get("fieldsV1") or {}, live.get("kind", ""))
        taken = union(taken, fields)
        left += [{**entry, "fieldsV1": kept}] if kept else []
    if not taken:
        return [], ()
    mine = next((entry for entry in entries if _is_mine(entry)), None)
    base = dict(mine or {**moved[0], "manager": MANAGER, "operation": "Apply"})
    base["fieldsV1"] = union(mine["fieldsV1"], taken) if mine else taken
    others = [entry for entry in entries if entry is not mine and entry not in moved]
    version = live["metadata"]["resourceVersion"]
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": [base, *others, *left]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]
    return patch, tuple(dict.fromkeys(entry["manager"] for entry in moved))


def _divide(fields: Fields, kind: str) -> tuple[Fields, Fields]:
    kept: Fields = {}
    for path in (*NEVER_TAKEN, *([REPLICAS] if kind in SCALED_KINDS else [])):
        fields, branch = take_out(fields, path)
        kept = union(kept, branch)
    return fields, kept


def _is_mine(entry: Entry) -> bool:
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (MANAGER, "Apply", "")


def adopt(gateway: Gateway, ref: Ref) -> tuple[str, ...]:
    """Makes what people and tools hold in an object ours; the managers it was taken from, () for none.

    Raises KubeError: Stale where the object keeps changing.
    """

    def attempt() -> tuple[str, ...]:
        live = gateway.get(ref)
        patch, managers = adoption_patch(live) if live else ([], ())
        if not patch:
            return ()
        gateway.json_patch(ref, patch)
        return managers

    return decide_anew(attempt)


def autoscaled(scalers: list[Manifest], ref: Ref) -> bool:
    """Whether one of these HorizontalPodAutoscalers or ScaledObjects holds the workload's replicas."""
    return any(scale_target(scaler, default_namespace=ref.namespace).key == ref.key for scaler in scalers)
