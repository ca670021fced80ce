"""The scale subresource: a kind's replicas seen as an autoscaling/v1 Scale."""

import copy
from collections.abc import Mapping
from typing import Any

from sandbox import errors
from sandbox.kinds import ApiResource
from sandbox.patches import Change
from sandbox.selectors import selector_text
from sandbox.store import Object

_NAMED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def seen(kind: ApiResource, value: Object) -> Object:
    """The Scale of an object."""
    assert kind.scale is not None
    replicas, status, selector = (_at(value, path) if path else None for path in kind.scale)
    text = selector if isinstance(selector, str) else selector_text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: value["metadata"][name] for name in _NAMED if name in value["metadata"]},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": status or 0, **({"selector": text} if text else {})},
    }


def written(kind: ApiResource, old: Object, scale: Mapping[str, Any]) -> Object:
    """The object with the replicas that a Scale asks for, and its resourceVersion and uid as preconditions."""
    assert kind.scale is not None
    wanted = (scale.get("spec") or {}).get("replicas") or 0
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        words = "json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32"
        raise errors.bad_request(f'Scale in version "v1" cannot be handled as a Scale: {words}')
    if wanted < 0:
        words = f"Invalid value: {wanted}: must be greater than or equal to 0"
        cause = errors.StatusCause("FieldValueInvalid", words, "spec.replicas")
        raise errors.invalid("autoscaling", "Scale", old["metadata"]["name"], [cause])
    new = copy.deepcopy(old)
    *parents, last = kind.scale[0].split(".")
    holder = new
    for part in parents:
        holder = holder.setdefault(part, {})
    holder[last] = wanted
    sent = scale.get("metadata") or {}
    new["metadata"] |= {name: sent[name] for name in ("resourceVersion", "uid") if sent.get(name)}
    return new


def patched(kind: ApiResource, old: Object, change: Change) -> Object:
    return written(kind, old, change(seen(kind, old)))


def owned(kind: ApiResource, value: Object) -> Object:
    """The object as far as a Scale can own it: no replicas at all are no field of a Scale."""
    assert kind.scale is not None
    if _at(value, kind.scale[0]):
        return value
    *parents, last = kind.scale[0].split(".")
    bare = copy.deepcopy(value)
    holder = bare
    for part in parents:
        holder = holder.get(part, {})
    holder.pop(last, None)
    return bare


def configuration(kind: ApiResource, body: Mapping[str, Any]) -> Object:
    """An apply of a Scale as an apply of the object."""
    assert kind.scale is not None
    value: Any = (body.get("spec") or {}).get("replicas")
    for part in reversed(kind.scale[0].split(".")):
        value = {part: value}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": dict(body.get("metadata") or {}), **value}
