"""Who writes to objects: the names of field managers, and what of their fields nobody takes. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from environments.kube.names import MANAGER, SCALE, TRAFFIC

OURS = frozenset({MANAGER, SCALE, TRAFFIC})
MARKS, RESTARTS = "marks", "restarts"
"""What an adoption may spare: other tools' own labels and annotations, and the time of a restart by hand."""
SPARED = (MARKS, RESTARTS)
"""What it spares unless a bundle says otherwise."""

CONTROLLERS = re.compile(
    r"(kube-.*|kubelet|controllers|manager|cloud-.*|.*controller(-manager)?|.*operator.*|.*injector.*|.*webhook.*"
    r"|.*autoscaler.*|istio.*|pilot.*|keda.*|cert-manager.*|cainjector|flagger|argo-rollouts|rollouts.*|velero.*|vpa-.*"
    r"|vault-.*|linkerd.*|kyverno.*|gatekeeper.*|metallb.*|glbc|aws-load-balancer.*|azure-cloud-.*|external-?secrets?.*"
    r"|external-dns|descheduler|reloader|cilium.*|calico.*|kueue.*|traefik|.*-provisioner|.*-plugin)",
    re.IGNORECASE,
)
"""They co-own what they write, and write it again: what they hold is theirs."""

DEPLOYERS = re.compile(
    r"(argo-?cd.*|application-controller|kustomize-controller|helm-controller|flux.*|gitops.*|fleet.*|kapp.*|config-?sync.*"
    r"|remediator|applier|terraform.*|hashicorp|pulumi.*|helm.*|werf.*|skaffold.*|tilt.*|ansible.*|openapi-generator"
    r"|octopus.*|spinnaker.*|crossplane.*|kubectl|kubectl-(client-side-apply|create|replace)|before-first-apply)",
    re.IGNORECASE,
)
"""They bring whole objects, as we do: what they hold is taken, whatever they are called."""

MARK = re.compile(
    r"(meta\.helm\.sh/.*|helm\.sh/chart|app\.kubernetes\.io/(managed-by|instance)|argocd\.argoproj\.io/(tracking-id|instance|installation-id)"
    r"|kustomize\.toolkit\.fluxcd\.io/.*|helm\.toolkit\.fluxcd\.io/.*|kapp\.k14s\.io/.*|fleet\.cattle\.io/.*"
    r"|objectset\.rio\.cattle\.io/.*|configmanagement\.gke\.io/.*|configsync\.gke\.io/.*"
    r"|kubectl\.kubernetes\.io/last-applied-configuration)"
)
"""The labels and annotations by which other tools know their objects again."""

RESTARTED = "kubectl.kubernetes.io/restartedAt"
CONTROLLED = re.compile(
    r"((deployment|pv|volume|volume\.beta|autoscaling|autoscaling\.alpha)\.kubernetes\.io/.*|cattle\.io/timestamp)"
)
"""Annotations that controllers of the cluster write."""

SCALED_KINDS = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
REPLICAS = ("f:spec", "f:replicas")
NEVER = frozenset({("f:status",), ("f:metadata", "f:finalizers"), ("f:metadata", "f:ownerReferences")})
NEVER_BY_KIND: Mapping[str, frozenset[tuple[str, ...]]] = {
    **{kind: frozenset({REPLICAS}) for kind in SCALED_KINDS},
    "Service": frozenset({("f:spec", "f:clusterIP"), ("f:spec", "f:clusterIPs")}),
    "PersistentVolumeClaim": frozenset({("f:spec", "f:volumeName")}),
}


def is_controller(manager: str) -> bool:
    """Whether it co-owns objects by right; not so what brings whole ones, though it may be called a controller."""
    return bool(CONTROLLERS.fullmatch(manager)) and not is_deployer(manager)


def is_deployer(manager: str) -> bool:
    """Whether it brings whole objects, as `kubectl apply`, Helm, Argo CD, Flux and Terraform do."""
    return bool(DEPLOYERS.fullmatch(manager))


def may_adopt(entry: Mapping[str, Any], api_version: str) -> bool:
    """Whether an entry is a person's or a tool's that worked like one, not a controller's, and of our version."""
    manager = entry["manager"]
    if entry.get("subresource") or entry.get("apiVersion") != api_version or is_controller(manager):
        return False
    return entry["operation"] == "Update" or manager not in OURS


def stays(path: tuple[str, ...], kind: str, spare: frozenset[str]) -> bool:
    """Whether the field at this path of managedFields stays with whoever has it."""
    if path in NEVER or path in NEVER_BY_KIND.get(kind, ()) or path[-1] == "f:caBundle":
        return True
    if "f:metadata" not in path or path[-2:-1] not in (("f:annotations",), ("f:labels",)):
        return False
    name = path[-1].removeprefix("f:")
    if path[-2] == "f:annotations" and (CONTROLLED.fullmatch(name) or (RESTARTS in spare and name == RESTARTED)):
        return True
    return MARKS in spare and bool(MARK.fullmatch(name))
