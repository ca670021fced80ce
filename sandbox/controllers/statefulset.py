"""StatefulSets: pods with names of their own, one after the other, updated from the last to the first."""

import copy
import re
from dataclasses import dataclass
from typing import Any

from sandbox.cluster import SimulatedCluster
from sandbox.controllers import adoption, revisions
from sandbox.controllers.base import Controller
from sandbox.controllers.pods import is_available, pod_from, until_available
from sandbox.controllers.rolling import name_of, replicas_of
from sandbox.errors import ApiError
from sandbox.meta import (
    NamespacedName,
    Object,
    changed,
    deleting,
    generation_of,
    is_over,
    is_ready,
    labels_of,
    phase_of,
    set_counts,
    uid_of,
)

_COMPONENT = "statefulset-controller"
_ORDINAL = re.compile(r"^(.*)-([0-9]+)$")


def ordinal_of(stateful_set: Object, pod: Object) -> int:
    """The number at the end of the pod's name; -1 where it is not of this set."""
    found = _ORDINAL.match(name_of(pod))
    return int(found[2]) if found and found[1] == name_of(stateful_set) else -1


def first_ordinal(stateful_set: Object) -> int:
    return int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)


def is_parallel(stateful_set: Object) -> bool:
    return bool(stateful_set["spec"].get("podManagementPolicy") == "Parallel")


def strategy_of(stateful_set: Object) -> str:
    return str((stateful_set["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate"))


def partition_of(stateful_set: Object) -> int | None:
    """None where the strategy has no rollingUpdate."""
    rolling = (stateful_set["spec"].get("updateStrategy") or {}).get("rollingUpdate")
    return None if rolling is None else int(rolling.get("partition") or 0)


def revision_of(pod: Object) -> str:
    return labels_of(pod).get(revisions.LABEL, "")


def is_running_and_ready(pod: Object) -> bool:
    return phase_of(pod) == "Running" and is_ready(pod)


@dataclass
class _State:
    """What one pass works on. `slots` are the wanted pods by ordinal, None where one is missing."""

    stored: Object
    current: Object
    update: Object
    slots: list[Object | None]
    condemned: list[Object]


class StatefulSetController(Controller):
    kind = "apps/StatefulSet"
    owns = ("Pod",)

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self.hands = cluster.hands

    def sync(self, key: NamespacedName) -> float | None:
        stored = self.view.get(self.kind, key)
        if stored is None:
            return None
        adoption.adopt(self.cluster, stored, revisions.KIND)
        adoption.adopt(self.cluster, stored, "Pod")
        known = revisions.listed(self.cluster, stored)
        update = revisions.newest(self.cluster, stored, known)
        named = (stored.get("status") or {}).get("currentRevision")
        current = next((item for item in known if name_of(item) == named), update)
        state = self._state(stored, current, update)
        if not deleting(stored):
            self._reconcile(state)
        self._write_status(state)
        pods = self._pods(stored)
        used = {name_of(current), name_of(update), *map(revision_of, pods)}
        revisions.truncate(self.cluster, stored, known, used)
        least = int(stored["spec"].get("minReadySeconds") or 0)
        return until_available(pods, self.view, least, self.cluster.clock.seconds())

    def _pods(self, stored: Object) -> list[Object]:
        self.cluster.catch_up()
        return self.view.owned("Pod", uid_of(stored))

    def _state(self, stored: Object, current: Object, update: Object) -> _State:
        start, wanted = first_ordinal(stored), replicas_of(stored)
        by_ordinal = {ordinal_of(stored, pod): pod for pod in self._pods(stored)}
        slots = [by_ordinal.get(start + place) for place in range(wanted)]
        extra = sorted((place for place in by_ordinal if place >= 0), reverse=True)
        condemned = [by_ordinal[place] for place in extra if not start <= place < start + wanted]
        return _State(stored, current, update, slots, condemned)

    def _reconcile(self, state: _State) -> None:
        if self._fill(state) or self._shrink(state):
            return
        if strategy_of(state.stored) == "RollingUpdate":
            self._roll(state)

    def _fill(self, state: _State) -> bool:
        """Brings every wanted pod up; in order, unless Parallel. Whether that is all for now."""
        for place, pod in enumerate(state.slots):
            if self._bring_up(state, place, pod) and not is_parallel(state.stored):
                return True
        return False

    def _bring_up(self, state: _State, place: int, pod: Object | None) -> bool:
        """Sees to one pod; whether those after it have to wait."""
        if pod is None:
            self._create(state, place)
            return True
        if is_over(pod):
            if not deleting(pod):
                self._delete(state.stored, pod)
            return True
        return deleting(pod) or not self._is_available(state.stored, pod)

    def _shrink(self, state: _State) -> bool:
        """Takes what is too much away, the highest ordinal first; whether that is all for now."""
        unhealthy = self._first_unavailable(state)
        for pod in state.condemned:
            if deleting(pod):
                if is_parallel(state.stored):
                    continue
                return True
            waits = not self._is_available(state.stored, pod) and pod is not unhealthy
            if waits and not is_parallel(state.stored):
                return True
            self._delete(state.stored, pod)
            if not is_parallel(state.stored):
                return True
        return False

    def _first_unavailable(self, state: _State) -> Object | None:
        everyone = [*(pod for pod in state.slots if pod is not None), *reversed(state.condemned)]
        return next((pod for pod in everyone if deleting(pod) or not self._is_available(state.stored, pod)), None)

    def _roll(self, state: _State) -> None:
        """Deletes the last pod that has an old revision, if all after it are up."""
        for place in reversed(range(partition_of(state.stored) or 0, len(state.slots))):
            pod = state.slots[place]
            if pod is None:
                return
            if revision_of(pod) != name_of(state.update) and not deleting(pod):
                self._delete(state.stored, pod)
                return
            if deleting(pod) or not self._is_available(state.stored, pod):
                return

    def _is_available(self, stored: Object, pod: Object) -> bool:
        least, now = int(stored["spec"].get("minReadySeconds") or 0), self.cluster.clock.seconds()
        return is_running_and_ready(pod) and is_available(pod, self.view, least, now)

    def _create(self, state: _State, place: int) -> None:
        stored, ordinal = state.stored, first_ordinal(state.stored) + place
        revision = state.current if self._keeps_current(state, place) else state.update
        pod = stateful_pod(stored, revision, ordinal)
        try:
            self._create_claims(stored, ordinal)
            self.hands.create(pod)
        except ApiError as error:
            words = f"create Pod {name_of(pod)} in StatefulSet {name_of(stored)} failed error: {error.message}"
            self.hands.event(stored, "Warning", "FailedCreate", words, _COMPONENT)
            raise
        words = f"create Pod {name_of(pod)} in StatefulSet {name_of(stored)} successful"
        self.hands.event(stored, "Normal", "SuccessfulCreate", words, _COMPONENT)

    def _keeps_current(self, state: _State, place: int) -> bool:
        """Whether a pod that is made again stays at the revision that is being left."""
        if strategy_of(state.stored) != "RollingUpdate":
            return False
        partition = partition_of(state.stored)
        if partition is None:
            return place < int((state.stored.get("status") or {}).get("currentReplicas") or 0)
        return first_ordinal(state.stored) + place < partition

    def _create_claims(self, stored: Object, ordinal: int) -> None:
        namespace = stored["metadata"]["namespace"]
        for template in stored["spec"].get("volumeClaimTemplates") or ():
            claim = claim_from(stored, template, ordinal)
            if self.view.get("PersistentVolumeClaim", NamespacedName(namespace, name_of(claim))) is None:
                self.hands.create(claim)
                pod = f"{name_of(stored)}-{ordinal}"
                words = f"create Claim {name_of(claim)} Pod {pod} in StatefulSet {name_of(stored)} success"
                self.hands.event(stored, "Normal", "SuccessfulCreate", words, _COMPONENT)

    def _delete(self, stored: Object, pod: Object) -> None:
        if self.hands.delete(pod):
            words = f"delete Pod {name_of(pod)} in StatefulSet {name_of(stored)} successful"
            self.hands.event(stored, "Normal", "SuccessfulDelete", words, _COMPONENT)

    def _write_status(self, state: _State) -> None:
        pods = self._pods(state.stored)
        status = self._status(state, pods)
        stored = self.view.get(self.kind, NamespacedName(state.stored["metadata"]["namespace"], name_of(state.stored)))
        if stored is not None and status != (stored.get("status") or {}):
            self.hands.update_status(changed(stored, status=status))

    def _status(self, state: _State, pods: list[Object]) -> dict[str, Any]:
        stored = state.stored
        alive = [pod for pod in pods if not deleting(pod)]
        ready = [pod for pod in pods if is_running_and_ready(pod)]
        counts = {"replicas": len(pods), "readyReplicas": len(ready)}
        current = sum(revision_of(pod) == name_of(state.current) for pod in alive)
        updated = sum(revision_of(pod) == name_of(state.update) for pod in alive)
        named = name_of(state.current)
        if strategy_of(stored) == "RollingUpdate" and updated == len(pods) == len(ready) == replicas_of(stored):
            current, named = updated, name_of(state.update)
        status: dict[str, Any] = {
            "observedGeneration": generation_of(stored),
            "replicas": counts["replicas"],
            "currentRevision": named,
            "updateRevision": name_of(state.update),
            "collisionCount": int((stored.get("status") or {}).get("collisionCount") or 0),
            "availableReplicas": sum(self._is_available(stored, pod) for pod in pods),
        }
        return set_counts(status, readyReplicas=len(ready), currentReplicas=current, updatedReplicas=updated)


def stateful_pod(stored: Object, revision: Object, ordinal: int) -> Object:
    """The pod of an ordinal at a revision, with its claims for volumes."""
    name = f"{name_of(stored)}-{ordinal}"
    labels = {
        "apps.kubernetes.io/pod-index": str(ordinal),
        revisions.LABEL: name_of(revision),
        "statefulset.kubernetes.io/pod-name": name,
    }
    pod = pod_from(stored, revisions.template_of(revision), name=name, labels=labels)
    spec = pod["spec"]
    spec["hostname"] = name
    if stored["spec"].get("serviceName"):
        spec["subdomain"] = stored["spec"]["serviceName"]
    claims = stored["spec"].get("volumeClaimTemplates") or ()
    claimed = {item["metadata"]["name"] for item in claims}
    volumes = [{"name": item, "persistentVolumeClaim": {"claimName": f"{item}-{name}"}} for item in sorted(claimed)]
    others = [item for item in spec.get("volumes") or () if item["name"] not in claimed]
    if volumes or others:
        spec["volumes"] = [*volumes, *others]
    return pod


def claim_from(stored: Object, template: Object, ordinal: int) -> Object:
    """The claim of an ordinal; it outlives the pod."""
    metadata = template["metadata"]
    labels = {**(stored["spec"].get("selector") or {}).get("matchLabels", {}), **(metadata.get("labels") or {})}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": f"{metadata['name']}-{name_of(stored)}-{ordinal}",
            "namespace": stored["metadata"]["namespace"],
            "labels": labels,
            **({"annotations": dict(metadata["annotations"])} if metadata.get("annotations") else {}),
        },
        "spec": copy.deepcopy(template["spec"]),
    }
