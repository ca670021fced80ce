"""Deployments: the ReplicaSet of the present template grows while the others shrink."""

import json
from typing import Any

from sandbox.cluster import SimulatedCluster
from sandbox.controllers import adoption, progress
from sandbox.controllers.base import Controller
from sandbox.controllers.rolling import (
    active,
    is_rolling,
    is_saturated,
    is_scaled,
    name_of,
    proportional_sizes,
    replica_annotations,
    replicas_of,
    size_of_new,
    sizes_of_old,
)
from sandbox.errors import ApiError
from sandbox.meta import (
    NamespacedName,
    Object,
    annotations_of,
    changed,
    condition,
    deleting,
    digest,
    generation_of,
    is_over,
    owner_reference,
    uid_of,
    with_condition,
)

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
_OWN_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
)
_COMPONENT = "deployment-controller"


def template_without_hash(template: Object) -> Object:
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {name: value for name, value in (metadata.get("labels") or {}).items() if name != HASH}
    return {**template, "metadata": {k: v for k, v in metadata.items() if k != "creationTimestamp"}}


def template_hash(template: Object, collisions: int) -> str:
    return digest(json.dumps([template_without_hash(template), collisions], sort_keys=True))


def find_new(deployment: Object, replica_sets: list[Object]) -> Object | None:
    """The oldest ReplicaSet that has the Deployment's pod template."""
    wanted = template_without_hash(deployment["spec"]["template"])
    by_age = sorted(replica_sets, key=lambda item: (item["metadata"]["creationTimestamp"], name_of(item)))
    return next((item for item in by_age if template_without_hash(item["spec"]["template"]) == wanted), None)


def revision_of(obj: Object) -> int:
    text = annotations_of(obj).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def new_replica_set(deployment: Object, others: list[Object], revision: int) -> Object:
    """The ReplicaSet for the present template, sized for the others that are still there."""
    template = template_without_hash(deployment["spec"]["template"])
    mark = template_hash(template, int((deployment.get("status") or {}).get("collisionCount") or 0))
    labels = {**(template["metadata"].get("labels") or {}), HASH: mark}
    selector = dict(deployment["spec"]["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: mark}
    spec: dict[str, Any] = {"replicas": 0, "selector": selector}
    spec["template"] = {**template, "metadata": {**template["metadata"], "labels": labels}}
    if deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
    copied = {k: v for k, v in annotations_of(deployment).items() if k not in _OWN_ANNOTATIONS}
    metadata = {
        "name": f"{name_of(deployment)[: 252 - len(mark)]}-{mark}",
        "namespace": deployment["metadata"]["namespace"],
        "labels": labels,
        "annotations": {**copied, **replica_annotations(deployment), REVISION: str(revision)},
        "ownerReferences": [owner_reference(deployment)],
    }
    fresh = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}
    spec["replicas"] = size_of_new(deployment, [*others, fresh], fresh)
    return fresh


def refreshed(deployment: Object, replica_set: Object, revision: int) -> Object:
    """The new ReplicaSet with the Deployment's annotations and the newest revision; itself if nothing differs."""
    annotations = dict(annotations_of(replica_set))
    annotations |= {k: v for k, v in annotations_of(deployment).items() if k not in _OWN_ANNOTATIONS}
    before = revision_of(replica_set)
    if before < revision:
        annotations[REVISION] = str(revision)
        if before:
            earlier = annotations.get(HISTORY, "")
            annotations[HISTORY] = f"{earlier},{before}" if earlier else str(before)
    spec = dict(replica_set["spec"])
    if spec.get("minReadySeconds", 0) != deployment["spec"].get("minReadySeconds", 0):
        spec["minReadySeconds"] = deployment["spec"].get("minReadySeconds", 0)
    if annotations == annotations_of(replica_set) and spec == replica_set["spec"]:
        return replica_set
    fresh = changed(replica_set, spec=spec)
    fresh["metadata"]["annotations"] = annotations
    return fresh


def superfluous(deployment: Object, old: list[Object]) -> list[Object]:
    """Old, empty ReplicaSets beyond revisionHistoryLimit, the oldest first."""
    alive = sorted((item for item in old if not deleting(item)), key=revision_of)
    excess = alive[: max(0, len(alive) - int(deployment["spec"].get("revisionHistoryLimit", 10)))]
    return [item for item in excess if _is_empty(item)]


def _is_empty(replica_set: Object) -> bool:
    status = replica_set.get("status") or {}
    seen = generation_of(replica_set) <= int(status.get("observedGeneration") or 0)
    return seen and not replicas_of(replica_set) and not status.get("replicas")


class DeploymentController(Controller):
    kind = "apps/Deployment"
    owns = ("apps/ReplicaSet",)

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self._progress: dict[str, tuple[str, float]] = {}

    def sync(self, key: NamespacedName) -> float | None:
        deployment = self.view.get(self.kind, key)
        if deployment is None:
            return None
        sync = _Sync(self.cluster, deployment)
        if not deleting(deployment):
            sync.reconcile()
        return self._write_status(sync)

    def _write_status(self, sync: "_Sync") -> float | None:
        now = self.cluster.clock.moment()
        before = sync.stored.get("status") or {}
        since = self._since(sync.deployment, now.seconds)
        status = sync.status(since)
        if progress.has_progressed(before, status):
            self._progress.pop(uid_of(sync.stored), None)
        sync.deployment["status"] = status
        since = self._since(sync.deployment, now.seconds)
        if status != before or annotations_of(sync.deployment) != annotations_of(sync.stored):
            self.cluster.hands.update_status(sync.deployment)
        return self._until_deadline(sync.deployment, since, now.seconds)

    def _since(self, deployment: Object, now: float) -> float:
        """When progress was last noted: the condition's own times have whole seconds only."""
        reason = (condition(deployment, "Progressing") or {}).get("reason", "")
        known = self._progress.get(uid_of(deployment))
        if known is None or known[0] != reason:
            known = self._progress[uid_of(deployment)] = (reason, now)
        return known[1]

    def _until_deadline(self, deployment: Object, since: float, now: float) -> float | None:
        limit, current = progress.deadline_of(deployment), condition(deployment, "Progressing")
        idle = (progress.COMPLETE, progress.TIMED_OUT, "DeploymentPaused")
        if limit is None or current is None or current["reason"] in idle:
            return None
        return max(0.05, since + limit - now + 0.2)


class _Sync:
    """One pass over one Deployment. `deployment` is a copy that collects what its status shall say."""

    def __init__(self, cluster: SimulatedCluster, stored: Object) -> None:
        self.cluster, self.stored = cluster, stored
        self.deployment = changed(stored, status=dict(stored.get("status") or {}))
        self.sets = cluster.view.owned("apps/ReplicaSet", uid_of(stored))
        self.new = find_new(stored, self.sets)
        self.scaling = False

    @property
    def old(self) -> list[Object]:
        new = name_of(self.new) if self.new else None
        return [item for item in self.sets if name_of(item) != new]

    def reconcile(self) -> None:
        self._adopt()
        self._note(progress.pause_condition(self.deployment))
        self._refresh_new()
        if self.stored["spec"].get("paused") or is_scaled(self.stored, self.sets):
            self.scaling = True
            self._scale()
        elif is_rolling(self.stored):
            self._roll()
        else:
            self._recreate()

    def status(self, since: float) -> progress.Status:
        now = self.cluster.clock.moment()
        if self.scaling or deleting(self.stored):
            return progress.counted(self.deployment, self.sets, self.new, now)
        return progress.rollout_status(self.deployment, self.sets, self.new, now, since)

    def _adopt(self) -> None:
        adopted = adoption.adopt(self.cluster, self.stored, "apps/ReplicaSet")
        if adopted:
            self.sets = [*self.sets, *adopted]
            self.new = find_new(self.stored, self.sets)

    def _note(self, fresh: dict[str, Any] | None) -> None:
        if fresh:
            status = self.deployment["status"]
            now = self.cluster.clock.moment()
            status["conditions"] = with_condition(status.get("conditions") or (), fresh, now, dated=True)

    def _refresh_new(self) -> None:
        """Numbers the new ReplicaSet and notes it in the Deployment."""
        if self.new is None:
            return
        revision = max(map(revision_of, self.old), default=0) + 1
        fresh = refreshed(self.stored, self.new, revision)
        if fresh is not self.new:
            self._replace(self.cluster.hands.update(fresh))
        self._set_revision(annotations_of(self.new).get(REVISION, "0"))
        if progress.deadline_of(self.stored) is not None and condition(self.deployment, "Progressing") is None:
            self._note(
                progress.progressing("True", "FoundNewReplicaSet", f'Found new replica set "{name_of(self.new)}"')
            )

    def _set_revision(self, revision: str) -> None:
        if annotations_of(self.deployment).get(REVISION) != revision:
            self.deployment["metadata"].setdefault("annotations", {})[REVISION] = revision

    def _create_new(self) -> None:
        revision = max(map(revision_of, self.old), default=0) + 1
        fresh = new_replica_set(self.stored, self.old, revision)
        try:
            made = self.cluster.hands.create(fresh)
        except ApiError as error:
            self._creation_failed(fresh, error)
            return
        self.sets, self.new = [*self.sets, made], made
        if replicas_of(made):
            self._say(f"Scaled up replica set {name_of(made)} from 0 to {replicas_of(made)}")
        self._set_revision(str(revision))
        if progress.deadline_of(self.stored) is not None:
            message = f'Created new replica set "{name_of(made)}"'
            self._note(progress.progressing("True", "NewReplicaSetCreated", message))

    def _creation_failed(self, fresh: Object, error: ApiError) -> None:
        if error.reason == "AlreadyExists":
            collisions = self.deployment["status"].get("collisionCount") or 0
            self.deployment["status"]["collisionCount"] = collisions + 1
        elif error.code != 404 and "being terminated" not in error.message:
            message = f'Failed to create new replica set "{name_of(fresh)}": {error.message}'
            self._note(progress.progressing("False", "ReplicaSetCreateError", message))
            self.cluster.hands.event(self.stored, "Warning", "ReplicaSetCreateError", message, _COMPONENT)

    def _roll(self) -> None:
        if self.new is None:
            self._create_new()
        if self.new is None or self._resize({name_of(self.new): size_of_new(self.stored, self.sets, self.new)}):
            return
        if not self._resize(sizes_of_old(self.stored, self.old, self.new)):
            self._clean_up()

    def _recreate(self) -> None:
        if self._resize({name_of(item): 0 for item in self.old}) or self._old_pods_run():
            return
        if self.new is None:
            self._create_new()
        if self.new is not None and not self._resize({name_of(self.new): replicas_of(self.stored)}):
            self._clean_up()

    def _old_pods_run(self) -> bool:
        if any((item.get("status") or {}).get("replicas") for item in self.old):
            return True
        pods = (pod for item in self.old for pod in self.cluster.view.owned("Pod", uid_of(item)))
        return any(not is_over(pod) for pod in pods)

    def _scale(self) -> None:
        running = active(self.sets)
        if len(running) <= 1:
            newest = max(self.old, key=lambda item: item["metadata"]["creationTimestamp"], default=None)
            target = running[0] if running else self.new or newest
            if target is not None:
                self._resize({name_of(target): replicas_of(self.stored)})
        elif is_saturated(self.stored, self.new):
            self._resize({name_of(item): 0 for item in self.old})
        elif is_rolling(self.stored):
            self._resize(proportional_sizes(self.stored, self.sets), annotate=True)
        if self.stored["spec"].get("paused"):
            self._delete_superfluous()

    def _resize(self, sizes: dict[str, int], *, annotate: bool = False) -> bool:
        """Gives ReplicaSets their sizes; whether any had another."""
        resized = False
        for item in list(self.sets):
            size, before = sizes.get(name_of(item)), replicas_of(item)
            if size is None or (size == before and not (annotate and self._stale(item))):
                continue
            fresh = changed(item, spec={**item["spec"], "replicas": size})
            fresh["metadata"]["annotations"] = {**annotations_of(item), **replica_annotations(self.stored)}
            self._replace(self.cluster.hands.update(fresh))
            if size != before:
                resized = True
                way = "up" if size > before else "down"
                self._say(f"Scaled {way} replica set {name_of(item)} from {before} to {size}")
        return resized

    def _stale(self, replica_set: Object) -> bool:
        return not replica_annotations(self.stored).items() <= annotations_of(replica_set).items()

    def _replace(self, replica_set: Object) -> None:
        self.sets = [replica_set if uid_of(item) == uid_of(replica_set) else item for item in self.sets]
        if self.new is not None and uid_of(self.new) == uid_of(replica_set):
            self.new = replica_set

    def _clean_up(self) -> None:
        if progress.is_complete(self.stored, self.stored.get("status") or {}):
            self._delete_superfluous()

    def _delete_superfluous(self) -> None:
        for item in superfluous(self.stored, self.old):
            self.cluster.hands.delete(item)

    def _say(self, message: str) -> None:
        self.cluster.hands.event(self.stored, "Normal", "ScalingReplicaSet", message, _COMPONENT)
