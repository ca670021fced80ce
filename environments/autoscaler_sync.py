"""Keeps what autoscalers say beside the workloads that they are for, as environments.workload_sync is told."""

from collections import defaultdict
from collections.abc import Iterable

from environments.kube.autoscaling import target_of
from environments.kube.objects import Manifest
from environments.models import Workload

BATCH = 100
Place = tuple[str, str, str]


def keep(cluster: int, objects: Iterable[Manifest]) -> int:
    """Writes the autoscalers of a cluster into its workloads' rows; how many rows changed."""
    found: dict[Place, list[Manifest]] = defaultdict(list)
    for obj in sorted(objects, key=lambda each: (each["kind"], each["metadata"]["name"])):
        target = target_of(obj)
        found[target.kind, target.namespace, target.name].append(obj)
    rows = Workload.objects.filter(cluster=cluster, deleted=False).only("kind", "namespace", "name", "autoscaling")
    changed = []
    for row in rows:
        autoscaling = found.get((row.kind, row.namespace, row.name), [])
        if autoscaling != row.autoscaling:
            row.autoscaling = autoscaling
            changed.append(row)
    Workload.objects.bulk_update(changed, ["autoscaling"], batch_size=BATCH)
    return len(changed)
