"""How many pods each ReplicaSet of a Deployment may have. Pure."""

from collections.abc import Sequence
from typing import Any

from sandbox.meta import Object, annotations_of, scaled

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


def replicas_of(obj: Object) -> int:
    """The wanted number; 1 where the spec is silent."""
    count = obj["spec"].get("replicas")
    return 1 if count is None else int(count)


def available(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)


def total(replica_sets: Sequence[Object]) -> int:
    return sum(replicas_of(item) for item in replica_sets)


def active(replica_sets: Sequence[Object]) -> list[Object]:
    return [item for item in replica_sets if replicas_of(item) > 0]


def is_rolling(deployment: Object) -> bool:
    return bool((deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate")


def fenceposts(deployment: Object) -> tuple[int, int]:
    """(surge, unavailable): surge is rounded up, unavailable down; both 0 becomes one unavailable."""
    if not is_rolling(deployment):
        return 0, 0
    wanted = replicas_of(deployment)
    limits: dict[str, Any] = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = scaled(limits.get("maxSurge", "25%"), wanted, up=True)
    unavailable = scaled(limits.get("maxUnavailable", "25%"), wanted, up=False)
    return surge, min(unavailable if surge or unavailable else 1, wanted)


def size_of_new(deployment: Object, replica_sets: Sequence[Object], new: Object) -> int:
    """The size that the new ReplicaSet may grow to now, or must shrink to."""
    wanted, size = replicas_of(deployment), replicas_of(new)
    if size >= wanted or not is_rolling(deployment):
        return wanted
    room = wanted + fenceposts(deployment)[0] - total(replica_sets)
    return size + max(0, min(room, wanted - size))


def sizes_of_old(deployment: Object, old: Sequence[Object], new: Object) -> dict[str, int]:
    """New sizes by name: first what is not available goes, then as much as availability allows."""
    least = replicas_of(deployment) - fenceposts(deployment)[1]
    everything = [*old, new]
    spare = total(everything) - least - (replicas_of(new) - available(new))
    if spare <= 0 or not total(old):
        return {}
    by_age = sorted(active(old), key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))
    sizes = {item["metadata"]["name"]: replicas_of(item) for item in by_age}
    _take(sizes, {name_of(item): replicas_of(item) - available(item) for item in by_age}, spare)
    _take(sizes, dict(sizes), sum(map(available, everything)) - least)
    return {name_of(item): sizes[name_of(item)] for item in by_age if sizes[name_of(item)] != replicas_of(item)}


def _take(sizes: dict[str, int], most: dict[str, int], count: int) -> None:
    """Takes up to `count` away from the sizes, of each at most `most`."""
    for name, size in sizes.items():
        taken = max(0, min(count, most[name], size))
        sizes[name] -= taken
        count -= taken


def name_of(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def is_scaled(deployment: Object, replica_sets: Sequence[Object]) -> bool:
    """Whether the wanted number is another than the one that the active ReplicaSets were sized for."""
    wanted = str(replicas_of(deployment))
    return any(annotations_of(item).get(DESIRED, wanted) != wanted for item in active(replica_sets))


def is_saturated(deployment: Object, new: Object | None) -> bool:
    if new is None:
        return False
    wanted = replicas_of(deployment)
    return replicas_of(new) == available(new) == wanted and annotations_of(new).get(DESIRED) == str(wanted)


def proportional_sizes(deployment: Object, replica_sets: Sequence[Object]) -> dict[str, int]:
    """Sizes by name when a Deployment is scaled in the middle of a rollout: each keeps its share."""
    wanted = replicas_of(deployment)
    allowed = wanted + fenceposts(deployment)[0] if wanted else 0
    sets = active(replica_sets)
    to_add = allowed - total(sets)
    sets.sort(key=lambda item: item["metadata"]["creationTimestamp"], reverse=to_add > 0)
    sets.sort(key=replicas_of, reverse=True)
    sizes, added = {}, 0
    for item in sets:
        share = _share(deployment, item, allowed, to_add, added) if to_add else 0
        sizes[name_of(item)] = replicas_of(item) + share
        added += share
    if sets and to_add:
        largest = name_of(sets[0])
        sizes[largest] = max(0, sizes[largest] + to_add - added)
    return sizes


def _share(deployment: Object, replica_set: Object, allowed: int, to_add: int, added: int) -> int:
    if to_add == added:
        return 0
    size = replicas_of(replica_set)
    before = int(annotations_of(replica_set).get(MAXIMUM) or 0) or int(deployment.get("status", {}).get("replicas", 0))
    grown = _round(size * allowed / before) - size if before else 0
    fraction = grown if allowed else -size
    return min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)


def _round(value: float) -> int:
    return int(value + 0.5)


def replica_annotations(deployment: Object) -> dict[str, str]:
    """What each ReplicaSet notes of the size that it was sized for."""
    wanted = replicas_of(deployment)
    return {DESIRED: str(wanted), MAXIMUM: str(wanted + fenceposts(deployment)[0])}
