"""What every controller reads from objects: owners, labels, conditions, readiness. Pure."""

import copy
import hashlib
import random
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kube_schema.match_expressions import expression_holds
from sandbox.clock import Moment

Object = dict[str, Any]
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_random = random.Random()  # noqa: S311 names of pods are no secrets # nosec B311


class NamespacedName(NamedTuple):
    """An object of a kind, "" as the namespace of what belongs to the whole cluster."""

    namespace: str
    name: str


def kind_of(obj: Mapping[str, Any]) -> str:
    """ "apps/Deployment"; "Pod" for the core group."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    return f"{group}/{obj['kind']}" if group else str(obj["kind"])


def key_of(obj: Mapping[str, Any]) -> NamespacedName:
    return NamespacedName(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def uid_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["uid"])


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def deleting(obj: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def generation_of(obj: Mapping[str, Any]) -> int:
    return int(obj["metadata"].get("generation") or 0)


def changed(obj: Object, **parts: Any) -> Object:
    """A copy whose top-level fields are replaced; metadata is copied deeply, so that it may be written to."""
    return {**obj, "metadata": copy.deepcopy(obj["metadata"]), **parts}


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference with controller: true."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def owner_reference(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) selects; an empty one selects all, None nothing."""
    if selector is None:
        return False
    pairs: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in pairs.items()):
        return False
    return all(expression_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def condition(obj: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == kind), None)


def holds(obj: Mapping[str, Any], kind: str) -> bool:
    """Whether a condition has the status True."""
    return (condition(obj, kind) or {}).get("status") == "True"


def without_condition(conditions: Iterable[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in conditions if item["type"] != kind]


def with_condition(
    conditions: Iterable[dict[str, Any]], fresh: dict[str, Any], now: Moment, *, dated: bool = False
) -> list[dict[str, Any]]:
    """The conditions with a fresh one at the end, unless status and reason are as before.

    The transition time moves only with the status. `dated` adds lastUpdateTime, as Deployments have it.
    """
    conditions = list(conditions)
    old = next((item for item in conditions if item["type"] == fresh["type"]), None)
    if old and old["status"] == fresh["status"] and old.get("reason") == fresh.get("reason"):
        return conditions
    same = old is not None and old["status"] == fresh["status"]
    times = {"lastUpdateTime": now.stamp} if dated else {}
    times["lastTransitionTime"] = old["lastTransitionTime"] if old and same else now.stamp
    head = {"type": fresh["type"], "status": fresh["status"], **times}
    rest = {name: value for name, value in fresh.items() if name not in ("type", "status")}
    return [*without_condition(conditions, fresh["type"]), {**head, **rest}]


def is_ready(pod: Mapping[str, Any]) -> bool:
    return holds(pod, "Ready")


def phase_of(pod: Mapping[str, Any]) -> str:
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_over(pod: Mapping[str, Any]) -> bool:
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Mapping[str, Any]) -> bool:
    return not is_over(pod) and not deleting(pod)


def set_counts(status: Mapping[str, Any], **counts: int) -> dict[str, Any]:
    """A status in which counters of 0 are absent, as the real server leaves them out."""
    return {**status, **{name: count for name, count in counts.items() if count}}


def suffix(length: int = 5) -> str:
    """The random end of a generated name."""
    return "".join(_random.choices(_ALPHABET, k=length))


def digest(value: str, length: int = 10) -> str:
    """A short hash in the alphabet of generated names, for pod templates and revisions."""
    number = int.from_bytes(hashlib.sha256(value.encode()).digest()[:12], "big")
    letters = []
    for _ in range(length):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)


def scaled(value: int | str | None, total: int, *, up: bool) -> int:
    """An absolute number or a percentage of a total, rounded up or down."""
    if value is None:
        return 0
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total
        return -(-share // 100) if up else share // 100
    return int(value)
