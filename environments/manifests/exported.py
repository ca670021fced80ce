"""Reads what `kubectl get -o yaml` gives as it was meant: without what controllers and the API server made. Pure.

An object is exported where it has a uid, a resourceVersion or a moment of creation: no person writes these. What a
server fills in for itself (a clusterIP, a nodePort, a bound volume) is left out of exported objects only, since in
others it is meant.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .kinds import TEMPLATES
from .node import Place, YamlNode, field_of, find, put, text_at

MADE_BY_SERVER = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid", "deletionTimestamp"}
)
SIGNS = ("uid", "resourceVersion", "creationTimestamp")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATIONS = frozenset(
    {
        LAST_APPLIED,
        "batch.kubernetes.io/job-tracking",
        "control-plane.alpha.kubernetes.io/leader",
        "cronjob.kubernetes.io/instantiate",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deprecated.daemonset.template.generation",
        "endpoints.kubernetes.io/last-change-trigger-time",
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "pv.kubernetes.io/provisioned-by",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
        "volume.kubernetes.io/storage-provisioner",
    }
)
JOB_LABELS = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
# Kinds that only controllers and the API server write.
CONTROLLED = frozenset(
    {
        "ControllerRevision.apps",
        "Event",
        "Event.events.k8s.io",
        "NodeMetrics.metrics.k8s.io",
        "PodMetrics.metrics.k8s.io",
    }
)
MANAGED_BY = ("endpointslice.kubernetes.io/managed-by", "endpoints.kubernetes.io/managed-by")
CA_BUNDLES = frozenset({"kube-root-ca.crt", "istio-ca-root-cert", "openshift-service-ca.crt"})
FINALIZERS = frozenset(
    {
        "batch.kubernetes.io/job-tracking",
        "foregroundDeletion",
        "kubernetes.io/pv-protection",
        "kubernetes.io/pvc-protection",
        "orphan",
        "service.kubernetes.io/load-balancer-cleanup",
    }
)
# What the server fills in, by kind.
FILLED_IN: dict[str, tuple[Place, ...]] = {
    "Service": (("spec", "clusterIP"), ("spec", "clusterIPs"), ("spec", "healthCheckNodePort")),
    "PersistentVolumeClaim": (("spec", "volumeName"),),
    "PersistentVolume": (("spec", "claimRef", "uid"), ("spec", "claimRef", "resourceVersion")),
    "ServiceAccount": (("secrets",),),
    "Namespace": (("spec", "finalizers"),),
}
SILENT = frozenset({*MADE_BY_SERVER, "generateName"})


class Cleaned(NamedTuple):
    """An object without what a server wrote, and the fields that were taken from it and said something."""

    node: YamlNode
    taken: tuple[str, ...] = ()


def is_exported(node: YamlNode) -> bool:
    """Whether an object was read from a cluster."""
    status = find(node, "status")
    signs = [find(node, "metadata", name) for name in SIGNS]
    return any(sign is not None and sign.value for sign in signs) or (status is not None and bool(status.value))


def made_by(node: YamlNode, kind: str) -> str:
    """What makes the object in a cluster by itself, "" where a person wrote it; `kind` as in "Deployment.apps"."""
    if owner := _controller_of(node):
        return f"made by {owner}"
    if kind in CONTROLLED or any(text_at(node, "metadata", "labels", label) for label in MANAGED_BY):
        return "made by a controller"
    if kind == "Endpoints" and find(
        node, "metadata", "annotations", "endpoints.kubernetes.io/last-change-trigger-time"
    ):
        return "made for its Service"
    if kind == "Lease.coordination.k8s.io" and is_exported(node):
        return "held by a controller"
    if kind == "ConfigMap" and text_at(node, "metadata", "name") in CA_BUNDLES:
        return "made in every namespace"
    return _made_with_accounts(node, kind)


def _made_with_accounts(node: YamlNode, kind: str) -> str:
    if kind == "ServiceAccount" and text_at(node, "metadata", "name") == "default" and is_exported(node):
        return "" if find(node, "imagePullSecrets") else "made in every namespace"
    if kind != "Secret":
        return ""
    if find(node, "metadata", "annotations", "kubernetes.io/service-account.uid"):
        return "the token of a ServiceAccount"
    return "Helm's record of a release" if text_at(node, "type") == "helm.sh/release.v1" else ""


def _controller_of(node: YamlNode) -> str:
    owners = find(node, "metadata", "ownerReferences")
    for owner in owners.value if owners is not None and owners.is_list else ():
        controls = find(owner, "controller")
        if controls is not None and controls.value is True:
            return f"{text_at(owner, 'kind')} {text_at(owner, 'name')}"
    return ""


def cleaned(node: YamlNode, kind: str) -> Cleaned:
    """The object as a person would have written it."""
    places = list(_places(node, kind))
    told = tuple(field_of(place) for place in places if place[-1] not in SILENT and _says_something(node, place))
    for place in places:
        node = _without(node, place)
    return Cleaned(_with_own_finalizers(node), told)


def _says_something(node: YamlNode, place: Place) -> bool:
    found = find(node, *place)
    return found is not None and bool(found.value)


def _places(node: YamlNode, kind: str) -> Iterator[Place]:
    """Where something stands that a server wrote."""
    always: list[Place] = [
        ("status",),
        ("metadata", "ownerReferences"),
        *(("metadata", name) for name in sorted(SILENT)),
    ]
    annotations = find(node, "metadata", "annotations")
    if annotations is not None and annotations.is_map:
        always += [("metadata", "annotations", name) for name in annotations.value if is_written_by_server(name)]
    exported = is_exported(node)
    yield from (place for place in always if find(node, *place) is not None)
    if exported:
        yield from (place for place in _filled_in(node, kind) if find(node, *place) is not None)


def is_written_by_server(annotation: str) -> bool:
    """Whether the annotation is one of those by which the cluster's own controllers remember things."""
    return annotation in ANNOTATIONS or annotation.startswith("autoscaling.alpha.kubernetes.io/")


def _filled_in(node: YamlNode, kind: str) -> Iterator[Place]:
    headless = kind == "Service" and text_at(node, "spec", "clusterIP") == "None"
    yield from () if headless else FILLED_IN.get(kind, ())
    if kind == "Service":
        ports = find(node, "spec", "ports")
        count = len(ports.value) if ports is not None and ports.is_list else 0
        yield from (("spec", "ports", index, "nodePort") for index in range(count))
    manual = find(node, "spec", "manualSelector")
    if kind == "Job.batch" and not (manual is not None and manual.value):
        yield ("spec", "selector")
        for label in JOB_LABELS:
            yield ("metadata", "labels", label)
            yield (*TEMPLATES[kind], "metadata", "labels", label)


def _with_own_finalizers(node: YamlNode) -> YamlNode:
    found = find(node, "metadata", "finalizers")
    if found is None or not found.is_list:
        return node
    kept = [each for each in found.value if not (isinstance(each.value, str) and each.value in FINALIZERS)]
    if len(kept) == len(found.value):
        return node
    place: Place = ("metadata", "finalizers")
    return put(node, place, YamlNode(kept, found.origin)) if kept else _without(node, place)


def _without(node: YamlNode, place: Place) -> YamlNode:
    """The tree without the value at a place that is there."""
    step, rest = place[0], place[1:]
    if isinstance(step, int):
        items = list(node.value)
        items[step] = _without(items[step], rest)
        return YamlNode(items, node.origin)
    children = dict(node.value)
    if rest:
        children[step] = _without(children[step], rest)
    else:
        del children[step]
    return YamlNode(children, node.origin)
