"""Binds pods to nodes, and says where none has room."""

from typing import Any

from sandbox.cluster import SimulatedCluster
from sandbox.meta import (
    NamespacedName,
    Object,
    annotations_of,
    changed,
    condition,
    deleting,
    is_over,
    key_of,
    kind_of,
    labels_of,
    uid_of,
    with_condition,
)
from sandbox.placement import NodeRoom, Space, allocatable, choose, host_ports, requests_of

_COMPONENT = "default-scheduler"
_DOWN = "test.slipway/down"
_RETRY = 0.2


class Scheduler:
    """Keeps what is used of each node as pods come and go. Only the loop's thread uses it."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self._spaces: dict[str, Space] = {}
        self._placed: dict[str, tuple[str, NodeRoom]] = {}
        self._waiting: set[NamespacedName] = set()

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        """Takes Nodes, Pods and claims in."""
        del old
        kind = kind_of(obj)
        if kind == "Node":
            self._see_node(event, obj)
        elif kind == "Pod":
            self._see_pod(event, obj)
        elif kind == "PersistentVolumeClaim" and self._waiting:
            self._retry_soon()

    def _see_node(self, event: str, obj: Object) -> None:
        name = obj["metadata"]["name"]
        known = self._spaces.get(name)
        if event == "DELETED":
            self._spaces.pop(name, None)
        elif known is not None:
            known.node, known.total = obj, allocatable(obj)
        else:
            self._spaces[name] = Space(obj, allocatable(obj))
        self._retry_soon()

    def _see_pod(self, event: str, pod: Object) -> None:
        uid, node = uid_of(pod), pod["spec"].get("nodeName")
        if event == "DELETED" or is_over(pod):
            self._waiting.discard(key_of(pod))
            self._free(uid)
        elif node:
            self._waiting.discard(key_of(pod))
            self._occupy(pod, node)
        elif not deleting(pod):
            self.cluster.loop.soon(self.place, key_of(pod))

    def _occupy(self, pod: Object, node: str) -> None:
        uid = uid_of(pod)
        space = self._spaces.get(node)
        if space is None or uid in self._placed:
            return
        asked = requests_of(pod)
        self._placed[uid] = (node, asked)
        space.used = space.used.plus(asked)
        space.pods[uid] = (pod["metadata"]["namespace"], labels_of(pod))
        space.ports.update(host_ports(pod))

    def _free(self, uid: str) -> None:
        placed = self._placed.pop(uid, None)
        if placed is None:
            return
        space = self._spaces.get(placed[0])
        if space is not None:
            space.used = space.used.plus(placed[1], -1)
            space.pods.pop(uid, None)
        self._retry_soon()

    def _retry_soon(self) -> None:
        if self._waiting:
            self.cluster.loop.after(_RETRY, self.retry, "")

    def retry(self, key: object) -> None:
        """Looks again at all that found no room."""
        del key
        for waiting in self._waiting:
            self.cluster.loop.soon(self.place, waiting)

    def place(self, key: object) -> None:
        """Binds one pod or notes why it has to wait."""
        assert isinstance(key, NamespacedName)
        pod = self.cluster.view.get("Pod", key)
        if pod is None or pod["spec"].get("nodeName") or deleting(pod):
            self._waiting.discard(key)
            return
        obstacle = self._unbound_claim(pod)
        choice = choose(pod, [space for space in self._spaces.values() if _is_up(space.node)])
        if obstacle or not choice.node:
            self._refuse(pod, obstacle or choice.message)
        else:
            self._bind(pod, choice.node)

    def _unbound_claim(self, pod: Object) -> str:
        """Words on a claim that is absent or not bound, or ""."""
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if not name:
                continue
            claim = self.cluster.view.get("PersistentVolumeClaim", NamespacedName(pod["metadata"]["namespace"], name))
            head = f"0/{len(self._spaces)} nodes are available"
            if claim is None:
                return f'{head}: persistentvolumeclaim "{name}" not found. {_unhelpful(head, len(self._spaces))}'
            if (claim.get("status") or {}).get("phase") != "Bound":
                words = "pod has unbound immediate PersistentVolumeClaims"
                return f"{head}: {words}. {_unhelpful(head, len(self._spaces))}"
        return ""

    def _bind(self, pod: Object, node: str) -> None:
        namespace, name = key_of(pod)
        self._waiting.discard(key_of(pod))
        fresh = changed(pod, spec={**pod["spec"], "nodeName": node})
        fresh["status"] = self._status(pod, {"type": "PodScheduled", "status": "True"})
        self._occupy(pod, node)
        try:
            self.cluster.bind(fresh)
        except BaseException:
            self._free(uid_of(pod))
            raise
        message = f"Successfully assigned {namespace}/{name} to {node}"
        self.cluster.hands.event(pod, "Normal", "Scheduled", message, _COMPONENT)

    def _refuse(self, pod: Object, message: str) -> None:
        self._waiting.add(key_of(pod))
        known = condition(pod, "PodScheduled")
        if known and known.get("message") == message:
            return
        self.cluster.hands.event(pod, "Warning", "FailedScheduling", message, _COMPONENT)
        fresh = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        without = changed(pod, status=self._status(pod, fresh))
        self.cluster.hands.update_status(without)

    def _status(self, pod: Object, fresh: dict[str, Any]) -> dict[str, Any]:
        status = pod.get("status") or {}
        others = [item for item in status.get("conditions") or () if item["type"] != "PodScheduled"]
        listed = with_condition(others, fresh, self.cluster.clock.moment())
        return {"phase": "Pending", **status, "conditions": listed}


def _unhelpful(head: str, total: int) -> str:
    return f"no new claims to deallocate, preemption: {head}: {total} Preemption is not helpful for scheduling."


def _is_up(node: Object) -> bool:
    return annotations_of(node).get(_DOWN) != "true"
