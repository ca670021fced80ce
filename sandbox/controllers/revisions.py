"""ControllerRevisions: the pod templates that a StatefulSet or DaemonSet has had."""

import copy
import json
from collections.abc import Iterable
from typing import Any

from sandbox.cluster import SimulatedCluster
from sandbox.meta import Object, annotations_of, changed, digest, labels_of, owner_reference, uid_of

KIND = "apps/ControllerRevision"
LABEL = "controller-revision-hash"


def snapshot(owner: Object) -> dict[str, Any]:
    """The data of a revision: a patch that brings this template back."""
    return {"spec": {"template": {**copy.deepcopy(owner["spec"]["template"]), "$patch": "replace"}}}


def template_of(revision: Object) -> Object:
    """The pod template that a revision holds."""
    template = revision["data"]["spec"]["template"]
    return {name: value for name, value in template.items() if name != "$patch"}


def number(revision: Object) -> int:
    return int(revision.get("revision") or 0)


def listed(cluster: SimulatedCluster, owner: Object) -> list[Object]:
    """The revisions of a workload, the oldest first."""
    return sorted(cluster.view.owned(KIND, uid_of(owner)), key=number)


def newest(cluster: SimulatedCluster, owner: Object, known: list[Object]) -> Object:
    """The revision of the present template: found, renumbered to be the latest, or made."""
    data = snapshot(owner)
    equal = next((item for item in reversed(known) if item["data"] == data), None)
    latest = max(map(number, known), default=0)
    if equal is None:
        return cluster.hands.create(_revision(owner, data, latest + 1))
    if number(equal) == latest:
        return equal
    return cluster.hands.update(changed(equal, revision=latest + 1))


def _revision(owner: Object, data: dict[str, Any], count: int) -> Object:
    mark = digest(json.dumps([data, (owner.get("status") or {}).get("collisionCount", 0)], sort_keys=True))
    label = "controller.kubernetes.io/hash" if owner["kind"] == "StatefulSet" else LABEL
    metadata = {
        "name": f"{owner['metadata']['name']}-{mark}",
        "namespace": owner["metadata"]["namespace"],
        "labels": {**labels_of(owner["spec"]["template"]), label: mark},
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations_of(owner):
        metadata["annotations"] = dict(annotations_of(owner))
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": data,
        "revision": count,
    }


def hash_of(revision: Object) -> str:
    """The random-looking end of its name."""
    return str(revision["metadata"]["name"]).rpartition("-")[2]


def truncate(cluster: SimulatedCluster, owner: Object, known: list[Object], live: Iterable[str]) -> None:
    """Deletes the oldest revisions beyond revisionHistoryLimit that nothing uses."""
    used = set(live)
    idle = [item for item in known if item["metadata"]["name"] not in used]
    limit = int(owner["spec"].get("revisionHistoryLimit", 10))
    for item in idle[: max(0, len(idle) - limit)]:
        cluster.hands.delete(item)
