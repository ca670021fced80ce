"""What the controllers that own pods share: making, deleting and judging them."""

import copy
from collections.abc import Iterable, Mapping

from sandbox.cluster import SimulatedCluster
from sandbox.errors import ApiError
from sandbox.meta import Object, is_ready, owner_reference, suffix
from sandbox.view import ClusterView


def pod_from(owner: Object, template: Object, *, name: str = "", labels: Mapping[str, str] | None = None) -> Object:
    """A pod of a workload's template; without a name it gets a random one."""
    source = template.get("metadata") or {}
    prefix = f"{owner['metadata']['name']}-"[:58]
    metadata = {
        "name": name or prefix + suffix(),
        **({} if name else {"generateName": prefix}),
        "namespace": owner["metadata"]["namespace"],
        "labels": {**(source.get("labels") or {}), **(labels or {})},
        "ownerReferences": [owner_reference(owner)],
    }
    for field in ("annotations", "finalizers"):
        if source.get(field):
            metadata[field] = copy.copy(source[field])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(template["spec"])}


def create_pod(
    cluster: SimulatedCluster, owner: Object, template: Object, component: str, labels: Mapping[str, str] | None = None
) -> Object:
    """Creates a pod and records it; a refusal is recorded and raised."""
    return create(cluster, owner, pod_from(owner, template, labels=labels), component)


def create(cluster: SimulatedCluster, owner: Object, pod: Object, component: str) -> Object:
    try:
        made = cluster.hands.create(pod)
    except ApiError as error:
        if "being terminated" not in error.message:
            cluster.hands.event(owner, "Warning", "FailedCreate", f"Error creating: {error.message}", component)
        raise
    cluster.hands.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", component)
    return made


def delete_pod(cluster: SimulatedCluster, owner: Object, pod: Object, component: str) -> None:
    if cluster.hands.delete(pod):
        cluster.hands.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", component)


def is_available(pod: Object, view: ClusterView, least: int, now: float) -> bool:
    """Ready for at least `least` (minReadySeconds) simulated seconds."""
    return is_ready(pod) and now - view.ready_since(pod) >= least


def until_available(pods: Iterable[Object], view: ClusterView, least: int, now: float) -> float | None:
    """After how many seconds the next ready pod will count as available, or None."""
    waits = [view.ready_since(pod) + least - now for pod in pods if is_ready(pod)] if least else []
    return min((wait for wait in waits if wait > 0), default=None)
