"""Objects on their way into the store: their keys, what a new one gets, what counts as a change."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox import definitions, errors
from sandbox.kinds import ApiResource
from sandbox.request_decoding import MARK
from sandbox.store import Object, StoreKey, now

SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


def key_in(kind: ApiResource, namespace: str, name: str) -> StoreKey:
    """Where an object of a kind is stored."""
    group = MARK.get((kind.group, kind.kind), kind.group)
    return StoreKey(group, kind.kind, namespace if kind.namespaced else "", name)


def is_definition(kind: ApiResource) -> bool:
    return (kind.group, kind.kind) == (definitions.GROUP, definitions.KIND)


def empty_object(kind: ApiResource) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}}


def newborn(kind: ApiResource, namespace: str, new: Object) -> Object:
    metadata = {
        name: value
        for name, value in new["metadata"].items()
        if name not in ("uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
    }
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + "".join(secrets.choice(SUFFIX) for _ in range(5))
    if not metadata.get("name"):
        cause = errors.StatusCause(
            "FieldValueRequired", "Required value: name or generateName is required", "metadata.name"
        )
        raise errors.invalid(kind.group, kind.kind, "", [cause])
    if kind.namespaced:
        metadata["namespace"] = namespace
    metadata.pop("generation", None)
    if kind.generation:
        metadata["generation"] = 1
    return {**new, "metadata": metadata}


def unborn(new: Object) -> Object:
    """What a dry run answers: with a uid and a time, but of no version of its own when it is new."""
    return {**new, "metadata": {"uid": str(uuid.uuid4()), "creationTimestamp": now(), **new["metadata"]}}


def is_same(new: Object, old: Object) -> bool:
    """Whether a write changes nothing; when a manager wrote last is no change."""
    for name in new.keys() | old.keys():
        if name != "metadata" and new.get(name) != old.get(name):
            return False
    mine, other = dict(new["metadata"]), dict(old["metadata"])
    entries = [_timeless(part.pop("managedFields", None) or []) for part in (mine, other)]
    return mine == other and entries[0] == entries[1]


def _timeless(entries: list[Mapping[str, Any]]) -> list[Any]:
    bare = [{name: value for name, value in each.items() if name != "time"} for each in entries]
    return sorted(bare, key=lambda each: (each.get("operation"), each.get("manager"), each.get("subresource", "")))


def counted(kind: ApiResource, value: Object) -> tuple[Object, Any]:
    """What a generation counts changes of: a Deployment's annotations too."""
    specification = {name: inner for name, inner in value.items() if name not in ("metadata", "status")}
    return specification, value["metadata"].get("annotations") if kind.kind == "Deployment" else None
