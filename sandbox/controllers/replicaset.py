"""ReplicaSets: as many pods as wanted."""

from typing import Any

from sandbox.controllers import adoption
from sandbox.controllers.base import Controller
from sandbox.controllers.pods import create_pod, delete_pod, is_available, until_available
from sandbox.controllers.rolling import replicas_of
from sandbox.errors import ApiError
from sandbox.meta import (
    NamespacedName,
    Object,
    annotations_of,
    changed,
    condition,
    deleting,
    generation_of,
    is_active,
    is_over,
    is_ready,
    labels_of,
    matches,
    phase_of,
    uid_of,
    with_condition,
    without_condition,
)
from sandbox.view import ClusterView

_COMPONENT = "replicaset-controller"
_BURST = 500
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def restarts_of(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(item.get("restartCount") or 0) for item in statuses), default=0)


def first_to_go(pods: list[Object], view: ClusterView) -> list[Object]:
    """Pods in the order in which a shrinking ReplicaSet gives them up: what serves least goes first."""
    on_node: dict[str, int] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName", "")
        on_node[node] = on_node.get(node, 0) + is_ready(pod)

    def rank(pod: Object) -> tuple[Any, ...]:
        node = pod["spec"].get("nodeName", "")
        cost = int(annotations_of(pod).get("controller.kubernetes.io/pod-deletion-cost", "0") or 0)
        return (
            bool(node),
            _PHASES.get(phase_of(pod), 1),
            is_ready(pod),
            cost,
            -on_node[node],
            -view.ready_since(pod) if is_ready(pod) else 0,
            -restarts_of(pod),
            _newest_first(pod["metadata"]["creationTimestamp"]),
            uid_of(pod),
        )

    return sorted(pods, key=rank)


def _newest_first(stamp: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in stamp)


class ReplicaSetController(Controller):
    kind = "apps/ReplicaSet"
    owns = ("Pod",)

    def sync(self, key: NamespacedName) -> float | None:
        replica_set = self.view.get(self.kind, key)
        if replica_set is None:
            return None
        failure = None
        if not deleting(replica_set):
            adoption.adopt(self.cluster, replica_set, "Pod")
            adoption.release(self.cluster, replica_set, self.view.owned("Pod", uid_of(replica_set)))
            failure = self._manage(replica_set)
        self._write_status(replica_set, failure)
        again = self._until_all_available(replica_set)
        return 1.0 if failure else again

    def _pods(self, replica_set: Object) -> list[Object]:
        """The pods as they are now, those of this very pass included."""
        self.cluster.catch_up()
        return self.view.owned("Pod", uid_of(replica_set))

    def _manage(self, replica_set: Object) -> ApiError | None:
        pods = [pod for pod in self._pods(replica_set) if is_active(pod)]
        missing = replicas_of(replica_set) - len(pods)
        if missing > 0:
            return self._create(replica_set, min(missing, _BURST))
        for pod in first_to_go(pods, self.view)[: max(0, -missing)]:
            delete_pod(self.cluster, replica_set, pod, _COMPONENT)
        return None

    def _create(self, replica_set: Object, count: int) -> ApiError | None:
        """Creates until one fails: a quota would refuse the others too."""
        for _ in range(count):
            try:
                create_pod(self.cluster, replica_set, replica_set["spec"]["template"], _COMPONENT)
            except ApiError as error:
                return None if "being terminated" in error.message else error
        return None

    def _write_status(self, replica_set: Object, failure: ApiError | None) -> None:
        self.cluster.catch_up()
        current = self.view.get(
            self.kind, NamespacedName(replica_set["metadata"]["namespace"], replica_set["metadata"]["name"])
        )
        if current is None or uid_of(current) != uid_of(replica_set):
            return
        status = self._status(current, failure)
        if status != (current.get("status") or {}):
            self.cluster.hands.update_status(changed(current, status=status))

    def _status(self, replica_set: Object, failure: ApiError | None) -> dict[str, Any]:
        pods = self.view.owned("Pod", uid_of(replica_set))
        live = [pod for pod in pods if is_active(pod)]
        ready = [pod for pod in live if is_ready(pod)]
        labels = {"matchLabels": labels_of(replica_set["spec"]["template"])}
        least, now = int(replica_set["spec"].get("minReadySeconds") or 0), self.cluster.clock.seconds()
        available = [pod for pod in ready if is_available(pod, self.view, least, now)]
        counts = {
            "fullyLabeledReplicas": sum(matches(labels, labels_of(pod)) for pod in live),
            "readyReplicas": len(ready),
            "availableReplicas": len(available),
        }
        status: dict[str, Any] = {"replicas": len(live)}
        status |= {name: count for name, count in counts.items() if count}
        status["terminatingReplicas"] = sum(deleting(pod) and not is_over(pod) for pod in pods)
        status["observedGeneration"] = generation_of(replica_set)
        conditions = self._conditions(replica_set, failure)
        return {**status, "conditions": conditions} if conditions else status

    def _conditions(self, replica_set: Object, failure: ApiError | None) -> list[dict[str, Any]]:
        conditions = (replica_set.get("status") or {}).get("conditions") or []
        if failure is None:
            return without_condition(conditions, "ReplicaFailure")
        if condition(replica_set, "ReplicaFailure"):
            return list(conditions)
        fresh = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure.message}
        return with_condition(conditions, fresh, self.cluster.clock.moment())

    def _until_all_available(self, replica_set: Object) -> float | None:
        pods = [pod for pod in self.view.owned("Pod", uid_of(replica_set)) if is_active(pod)]
        least = int(replica_set["spec"].get("minReadySeconds") or 0)
        return until_available(pods, self.view, least, self.cluster.clock.seconds())
