"""The revisions of a workload that the cluster still keeps."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from environments.kube.api.client import Gateway
from environments.kube.status.owner_references import REVISION, annotation, label, owned, selector_of
from environments.kube.status.verdict import Json, count, section

CHANGE_CAUSE = "kubernetes.io/change-cause"
VERSION = "app.kubernetes.io/version"


class WorkloadRevision(NamedTuple):
    """One pod template that a workload had.

    `number` grows with every change; `name` is that of its ReplicaSet or ControllerRevision; `created` is the
    cluster's time; `images` maps containers, init containers too, to images; `version` is the template's label
    app.kubernetes.io/version; `pods` is how many it still has, None where the cluster does not say.
    """

    number: int
    name: str
    created: str
    images: Mapping[str, str]
    version: str
    cause: str
    current: bool
    pods: int | None


def revisions(workload: Json, makers: Sequence[Json]) -> tuple[WorkloadRevision, ...]:
    """The history from the workload's ReplicaSets or ControllerRevisions, newest first. Pure.

    `makers` may hold those of others: only what the workload owns counts.
    """
    deployment = workload["kind"] == "Deployment"
    mine = owned(makers, workload)
    newest = max((_number(one) for one in mine), default=0)
    found = [_of_set(one, newest) if deployment else _of_revision(one, newest) for one in mine]
    return tuple(sorted(found, key=lambda revision: revision.number, reverse=True))


def read_history(gateway: Gateway, workload: Json) -> tuple[WorkloadRevision, ...]:
    """The history of a Deployment, StatefulSet or DaemonSet as the cluster has it now. Raises KubeError."""
    kind = "ReplicaSet" if workload["kind"] == "Deployment" else "ControllerRevision"
    namespace = workload["metadata"]["namespace"]
    return revisions(workload, gateway.list("apps/v1", kind, namespace, labels=selector_of(workload)))


def _number(maker: Json) -> int:
    """A ControllerRevision has its number as a field, a ReplicaSet as an annotation."""
    return count(maker, "revision") or int(annotation(maker, REVISION) or 0)


def _of_set(one: Json, newest: int) -> WorkloadRevision:
    return _revision(one, newest, section(section(one, "spec"), "template"), count(section(one, "status"), "replicas"))


def _of_revision(one: Json, newest: int) -> WorkloadRevision:
    return _revision(one, newest, section(section(section(one, "data"), "spec"), "template"), None)


def _revision(one: Json, newest: int, template: Json, pods: int | None) -> WorkloadRevision:
    metadata, number = section(one, "metadata"), _number(one)
    return WorkloadRevision(
        number,
        str(metadata["name"]),
        str(metadata.get("creationTimestamp", "")),
        _images(section(template, "spec")),
        label(template, VERSION),
        annotation(one, CHANGE_CAUSE),
        number == newest,
        pods,
    )


def _images(spec: Json) -> dict[str, str]:
    every: list[dict[str, Any]] = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return {one["name"]: one["image"] for one in every}
