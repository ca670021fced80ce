"""Objects without an owner go to the workload that selects them; those that it no longer selects are let go."""

from collections.abc import Mapping

from sandbox.cluster import SimulatedCluster
from sandbox.meta import Object, changed, deleting, is_over, labels_of, matches, owner_reference, uid_of


def selects(owner: Object, labels: Mapping[str, str]) -> bool:
    """Whether a workload's selector selects labels; one that selects everything adopts nothing."""
    selector = owner["spec"].get("selector")
    return bool(selector) and matches(selector, labels)


def adopt(cluster: SimulatedCluster, owner: Object, kind: str) -> list[Object]:
    """Makes `owner` the controller of what it selects and nobody owns; returns what it took."""
    if deleting(owner):
        return []
    found = cluster.view.orphans(kind, owner["metadata"]["namespace"])
    fitting = [obj for obj in found if selects(owner, labels_of(obj)) and not deleting(obj) and not is_over(obj)]
    return [cluster.hands.update(_owned(obj, owner)) for obj in fitting]


def release(cluster: SimulatedCluster, owner: Object, owned: list[Object]) -> list[Object]:
    """Takes the owner away from what it no longer selects; returns the rest."""
    kept = []
    for obj in owned:
        if selects(owner, labels_of(obj)) or deleting(obj):
            kept.append(obj)
        else:
            cluster.hands.update(_freed(obj, owner))
    return kept


def _owned(obj: Object, owner: Object) -> Object:
    fresh = changed(obj)
    fresh["metadata"].setdefault("ownerReferences", []).append(owner_reference(owner))
    return fresh


def _freed(obj: Object, owner: Object) -> Object:
    fresh = changed(obj)
    owners = [item for item in fresh["metadata"].get("ownerReferences", ()) if item["uid"] != uid_of(owner)]
    fresh["metadata"]["ownerReferences"] = owners
    if not owners:
        del fresh["metadata"]["ownerReferences"]
    return fresh
