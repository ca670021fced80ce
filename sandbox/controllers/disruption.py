"""PodDisruptionBudgets: how many pods may be evicted now."""

from collections.abc import Iterable
from typing import Any

from sandbox.controllers.base import Controller
from sandbox.controllers.rolling import replicas_of
from sandbox.meta import (
    NamespacedName,
    Object,
    changed,
    controller_of,
    deleting,
    generation_of,
    is_active,
    is_ready,
    key_of,
    kind_of,
    labels_of,
    matches,
    scaled,
)

_CONTROLLERS = {
    "ReplicaSet": "apps/ReplicaSet",
    "StatefulSet": "apps/StatefulSet",
    "ReplicationController": "ReplicationController",
}


def desired_healthy(budget: Object, expected: int) -> int:
    """How many pods must stay healthy of those that are expected."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return max(0, expected - scaled(spec["maxUnavailable"], expected, up=True))
    return scaled(spec.get("minAvailable", 0), expected, up=True)


def status_of(budget: Object, pods: list[Object], expected: int, stamp: str) -> dict[str, Any]:
    healthy = sum(is_ready(pod) for pod in pods)
    desired = desired_healthy(budget, expected)
    allowed = max(0, healthy - desired) if expected else 0
    condition = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "observedGeneration": generation_of(budget),
        "lastTransitionTime": stamp,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
    }
    old = next(iter((budget.get("status") or {}).get("conditions") or ()), None)
    if old and old["status"] == condition["status"]:
        condition["lastTransitionTime"] = old["lastTransitionTime"]
    return {
        "observedGeneration": generation_of(budget),
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "conditions": [condition],
    }


class DisruptionController(Controller):
    kind = "policy/PodDisruptionBudget"

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        yield from super().concerned(event, obj, old)
        if kind_of(obj) == "Pod":
            for budget in self.view.all(self.kind, obj["metadata"]["namespace"]):
                if matches(budget["spec"].get("selector"), labels_of(obj)):
                    yield key_of(budget)

    def sync(self, key: NamespacedName) -> float | None:
        budget = self.view.get(self.kind, key)
        if budget is None or deleting(budget):
            return None
        selector = budget["spec"].get("selector")
        everyone = self.view.all("Pod", key.namespace)
        pods = [pod for pod in everyone if is_active(pod) and matches(selector, labels_of(pod))]
        status = status_of(budget, pods, self._expected(budget, pods), self.cluster.clock.moment().stamp)
        if status != (budget.get("status") or {}):
            self.cluster.hands.update_status(changed(budget, status=status))
        return None

    def _expected(self, budget: Object, pods: list[Object]) -> int:
        """minAvailable as a number counts the pods; everything else needs what their controllers want."""
        least = budget["spec"].get("minAvailable")
        if isinstance(least, int):
            return len(pods)
        wanted: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            kind = _CONTROLLERS.get(owner["kind"]) if owner else None
            found = (
                self.view.get(kind, NamespacedName(key_of(pod).namespace, owner["name"])) if owner and kind else None
            )
            if owner and found:
                wanted[owner["uid"]] = replicas_of(found)
        return sum(wanted.values())
