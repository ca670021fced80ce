"""The facts of a pass, from the rows that watches keep: no request to a cluster is made here."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.utils import timezone

from environments.models import Cluster, Workload
from releases.engine.facts import WATCHED, Facts, Look, Target, Work
from releases.models import Rollout
from releases.states import Phase


def observe(rollout: Rollout, work: Work, index: int) -> Facts:
    """What is known now of the objects of the step at `index` and of the steps that follow it."""
    environment, now = rollout.environment, timezone.now()
    cluster = Cluster.objects.only("watch", "lease_until").get(pk=environment.cluster_id)
    return Facts(
        now=now.timestamp(),
        phase=Phase(rollout.phase),
        intent=rollout.intent,
        intent_by=rollout.intent_by,
        looks=looks(environment.cluster_id, _ahead(work, index)),
        watching=watching(cluster, now),
        progress_seconds=environment.progress_seconds,
        roll_back_on_failure=environment.roll_back_on_failure,
    )


def watching(cluster: Cluster, now: datetime) -> bool:
    """Whether somebody tells of every change on the cluster as it happens."""
    return cluster.watch == "live" and cluster.lease_until is not None and cluster.lease_until > now


def looks(cluster_id: int, targets: Iterable[Target]) -> Mapping[str, Look]:
    """The rows of the targets, by Ref.key."""
    keys = {(t.ref.kind, t.ref.namespace, t.ref.name): t.key for t in targets if t.ref.kind in WATCHED}
    rows = Workload.objects.filter(
        cluster_id=cluster_id,
        kind__in={kind for kind, _, _ in keys},
        namespace__in={namespace for _, namespace, _ in keys},
        name__in={name for _, _, name in keys},
    )
    found = {keys.get((row.kind, row.namespace, row.name)): _look(row) for row in rows}
    return {key: look for key, look in found.items() if key is not None}


def _ahead(work: Work, index: int) -> tuple[Target, ...]:
    wanted = {number for step in work.steps[index:] for number in step.get("objects", ())}
    return tuple(target for target in work.targets if target.index in wanted)


def _look(row: Workload) -> Look:
    found = None if row.deleted else row.object
    return Look(found, row.seen_at.timestamp(), row.uid, row.generation, row.resource_version)
