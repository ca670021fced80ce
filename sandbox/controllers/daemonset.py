"""DaemonSets: a pod on every node that fits, replaced node by node."""

import copy
from typing import Any

from sandbox.controllers import adoption, revisions
from sandbox.controllers.base import Controller
from sandbox.controllers.pods import create, delete_pod, is_available, pod_from, until_available
from sandbox.controllers.rolling import name_of
from sandbox.errors import ApiError
from sandbox.meta import (
    NamespacedName,
    Object,
    changed,
    deleting,
    generation_of,
    is_over,
    is_ready,
    key_of,
    kind_of,
    labels_of,
    scaled,
    set_counts,
    uid_of,
)
from sandbox.placement import untolerated, wants

_COMPONENT = "daemonset-controller"
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def daemon_pod(daemon_set: Object, node: str, mark: str) -> Object:
    """A pod for one node: pinned by affinity, so that the scheduler binds it there."""
    labels = {revisions.LABEL: mark, "pod-template-generation": str(generation_of(daemon_set))}
    pod = pod_from(daemon_set, daemon_set["spec"]["template"], labels=labels)
    spec = pod["spec"]
    present = spec.get("tolerations") or []
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED]
    spec["tolerations"] = [*present, *(item for item in added if item not in present)]
    spec["affinity"] = _pinned(spec.get("affinity") or {}, node)
    return pod


def _pinned(affinity: dict[str, Any], node: str) -> dict[str, Any]:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    pinned = copy.deepcopy(affinity)
    pinned.setdefault("nodeAffinity", {})[_REQUIRED] = {"nodeSelectorTerms": [term]}
    return pinned


def node_of(pod: Object) -> str:
    """The node that a daemon's pod is on, or is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    terms = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED, {})
    for term in terms.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""


def fits(daemon_set: Object, node: Object) -> bool:
    """Whether the node is one that the daemon runs on."""
    template = daemon_set["spec"]["template"]
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in _TOLERATED]
    spec = {**template["spec"], "tolerations": [*(template["spec"].get("tolerations") or ()), *added]}
    pod = {**template, "spec": spec}
    return wants(pod, node) and not untolerated(pod, node)


class DaemonSetController(Controller):
    kind = "apps/DaemonSet"
    owns = ("Pod",)

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        super().see(event, obj, old)
        if kind_of(obj) == "Node" and (old is None or event == "DELETED" or _differ(old, obj)):
            for daemon_set in self.view.all(self.kind):
                self.cluster.loop.soon(self.sync, key_of(daemon_set))

    def sync(self, key: NamespacedName) -> float | None:
        stored = self.view.get(self.kind, key)
        if stored is None:
            return None
        adoption.adopt(self.cluster, stored, revisions.KIND)
        adoption.adopt(self.cluster, stored, "Pod")
        known = revisions.listed(self.cluster, stored)
        newest = revisions.newest(self.cluster, stored, known)
        mark = revisions.hash_of(newest)
        if not deleting(stored):
            self._place(stored, mark)
            self._roll(stored, mark)
        self._write_status(stored, mark)
        live = {f"{name_of(stored)}-{labels_of(pod).get(revisions.LABEL)}" for pod in self._pods(stored)}
        revisions.truncate(self.cluster, stored, known, {name_of(newest), *live})
        return until_available(self._pods(stored), self.view, self._least(stored), self.cluster.clock.seconds())

    def _pods(self, stored: Object) -> list[Object]:
        self.cluster.catch_up()
        return self.view.owned("Pod", uid_of(stored))

    def _least(self, stored: Object) -> int:
        return int(stored["spec"].get("minReadySeconds") or 0)

    def _by_node(self, stored: Object) -> dict[str, list[Object]]:
        placed: dict[str, list[Object]] = {}
        for pod in self._pods(stored):
            placed.setdefault(node_of(pod), []).append(pod)
        return placed

    def _place(self, stored: Object, mark: str) -> None:
        """A pod for every node that fits, none elsewhere; what has failed goes and is made again."""
        placed, nodes = self._by_node(stored), {name_of(node): node for node in self.view.all("Node")}
        for name, node in nodes.items():
            pods = placed.get(name, [])
            if not fits(stored, node):
                self._delete_all(stored, pods)
                continue
            over = [pod for pod in pods if is_over(pod)]
            self._delete_all(stored, over)
            running = [pod for pod in pods if not is_over(pod)]
            if not pods:
                self._create(stored, name, mark)
            elif not self._surge(stored) and len(running) > 1:
                self._delete_all(stored, sorted(running, key=lambda pod: pod["metadata"]["creationTimestamp"])[1:])
        for name in placed.keys() - nodes.keys():
            self._delete_all(stored, placed[name])

    def _delete_all(self, stored: Object, pods: list[Object]) -> None:
        for pod in pods:
            if not deleting(pod):
                delete_pod(self.cluster, stored, pod, _COMPONENT)

    def _create(self, stored: Object, node: str, mark: str) -> None:
        create(self.cluster, stored, daemon_pod(stored, node, mark), _COMPONENT)

    def _limits(self, stored: Object) -> dict[str, Any]:
        return (stored["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}

    def _wanted(self, stored: Object) -> int:
        return sum(fits(stored, node) for node in self.view.all("Node"))

    def _surge(self, stored: Object) -> int:
        return scaled(self._limits(stored).get("maxSurge", 0), self._wanted(stored), up=True)

    def _roll(self, stored: Object, mark: str) -> None:
        strategy = (stored["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
        if strategy != "RollingUpdate":
            return
        surge = self._surge(stored)
        unavailable = scaled(self._limits(stored).get("maxUnavailable", 1), self._wanted(stored), up=True)
        if surge:
            self._roll_with_surge(stored, mark, surge)
        else:
            self._roll_in_place(stored, mark, max(1, unavailable))

    def _roll_in_place(self, stored: Object, mark: str, most: int) -> None:
        """Deletes old pods: those that do not serve at once, others as far as maxUnavailable goes."""
        missing = 0
        broken: list[Object] = []
        candidates: list[Object] = []
        for pods in self._by_node(stored).values():
            new, old = self._split(pods, mark)
            if old is not None and new is None:
                serves = self._serves(stored, old)
                (candidates if serves else broken).append(old)
                missing += not serves
            else:
                missing += new is None or old is not None or not self._serves(stored, new)
        self._delete_all(stored, [*broken, *candidates[: max(0, most - missing)]])

    def _roll_with_surge(self, stored: Object, mark: str, surge: int) -> None:
        """Makes the new pod first and deletes the old one when it serves."""
        under_way, waiting = 0, []
        for node, pods in self._by_node(stored).items():
            new, old = self._split(pods, mark)
            if old is None:
                continue
            if new is None:
                waiting.append((self._serves(stored, old), node))
            elif self._serves(stored, new):
                self._delete_all(stored, [old])
            else:
                under_way += 1
        for serves, node in sorted(waiting):
            if not serves or under_way < surge:
                under_way += serves
                self._create(stored, node, mark)

    def _split(self, pods: list[Object], mark: str) -> tuple[Object | None, Object | None]:
        """(pod of the present revision, pod of an older one) of a node."""
        alive = [pod for pod in pods if not deleting(pod)]
        new = next((pod for pod in alive if labels_of(pod).get(revisions.LABEL) == mark), None)
        return new, next((pod for pod in alive if labels_of(pod).get(revisions.LABEL) != mark), None)

    def _serves(self, stored: Object, pod: Object) -> bool:
        return is_available(pod, self.view, self._least(stored), self.cluster.clock.seconds())

    def _write_status(self, stored: Object, mark: str) -> None:
        status = self._status(stored, mark)
        current = self.view.get(self.kind, key_of(stored))
        if current is None or status == (current.get("status") or {}):
            return
        try:
            self.cluster.hands.update_status(changed(current, status=status))
        except ApiError as error:
            if error.code != 404:
                raise

    def _status(self, stored: Object, mark: str) -> dict[str, Any]:
        placed = self._by_node(stored)
        scheduled = misscheduled = ready = available = updated = wanted = 0
        for node in self.view.all("Node"):
            pods = [pod for pod in placed.get(name_of(node), []) if not deleting(pod)]
            if not fits(stored, node):
                misscheduled += bool(pods)
                continue
            wanted += 1
            scheduled += bool(pods)
            ready += any(map(is_ready, pods))
            available += any(self._serves(stored, pod) for pod in pods)
            updated += any(labels_of(pod).get(revisions.LABEL) == mark for pod in pods)
        status: dict[str, Any] = {
            "currentNumberScheduled": scheduled,
            "numberMisscheduled": misscheduled,
            "desiredNumberScheduled": wanted,
            "numberReady": ready,
            "observedGeneration": generation_of(stored),
        }
        return set_counts(
            status,
            updatedNumberScheduled=updated,
            numberAvailable=available,
            numberUnavailable=wanted - available,
        )


def _differ(old: Object, new: Object) -> bool:
    return labels_of(old) != labels_of(new) or old["spec"] != new["spec"]
