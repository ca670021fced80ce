"""Hooks of Helm and Argo CD: what runs before, between and after the rest, and what is for other occasions. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

HELM, HELM_WEIGHT, HELM_DELETE = "helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy"
ARGO, ARGO_WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
ARGO_DELETE = "argocd.argoproj.io/hook-delete-policy"

BEFORE, BETWEEN, AFTER = "before", "between", "after"
"""When a hook runs: before everything but definitions, with a wave of workloads, and once they are up."""
REPLACE, SUCCEEDED, FAILED = "replace", "succeeded", "failed"
"""When it is deleted: before it is made, once all of its time have succeeded, and when it fails."""

INSTALL = {"pre-install": BEFORE, "post-install": AFTER}
UPGRADE = {"pre-upgrade": BEFORE, "post-upgrade": AFTER}
# A definition is applied before all else anyway.
DEFINITION = "crd-install"
SYNC = {"PreSync": BEFORE, "Sync": BETWEEN, "PostSync": AFTER}
ARGO_ELSEWHERE = frozenset({"SyncFail", "PreDelete", "PostDelete", "Skip"})
HELM_POLICIES = {"before-hook-creation": REPLACE, "hook-succeeded": SUCCEEDED, "hook-failed": FAILED}
ARGO_POLICIES = {"BeforeHookCreation": REPLACE, "HookSucceeded": SUCCEEDED, "HookFailed": FAILED}
WHOLE = re.compile(r"[+-]?[0-9]{1,9}")

# Helm's own order of kinds; what is not among them comes last.
KINDS = (
    "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget", "ServiceAccount", "Secret",
    "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition",
    "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet", "Pod", "ReplicaSet",
    "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress", "APIService",
)  # fmt: skip


@dataclass(frozen=True)
class Hook:
    """When an object runs as a hook (`phases`), in which place (`order`), and when it is deleted (`delete`).

    `said` is the annotation as a person reads it: "helm.sh/hook: pre-install".
    """

    phases: tuple[str, ...]
    order: int
    delete: tuple[str, ...]
    said: str

    def to_json(self) -> dict[str, Any]:
        return {"phases": list(self.phases), "order": self.order, "delete": list(self.delete), "said": self.said}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Hook":
        return cls(tuple(data["phases"]), data["order"], tuple(data["delete"]), data["said"])

    def place(self, kind: str, name: str) -> tuple[int, int, str]:
        """What hooks of one phase are sorted by, as Helm does: weight, kind, name."""
        return self.order, KINDS.index(kind) if kind in KINDS else len(KINDS), name


class HookReading(NamedTuple):
    """What the annotations of an object say: `hook` is None where it is an everyday object, or is `left_out`."""

    hook: Hook | None = None
    left_out: str = ""


EVERYDAY = HookReading()


def read_hook(annotations: Mapping[str, str], *, first: bool) -> HookReading:
    """Whether an object is a hook here. `first`: nothing of the application runs there yet, so install counts.

    Helm's annotation counts before Argo CD's.
    """
    if HELM in annotations:
        return _helm(annotations, INSTALL if first else UPGRADE)
    return _argo(annotations) if ARGO in annotations else EVERYDAY


def sync_wave(annotations: Mapping[str, str]) -> int | None:
    """Argo CD's number of an object; None where it has none. What is no number counts as 0, as there."""
    return _whole(annotations[ARGO_WAVE]) if ARGO_WAVE in annotations else None


def _helm(annotations: Mapping[str, str], now: Mapping[str, str]) -> HookReading:
    events = [each.lower() for each in _items(annotations[HELM])]
    if DEFINITION in events:
        return EVERYDAY
    phases = tuple(dict.fromkeys(now[event] for event in events if event in now))
    said = f"{HELM}: {annotations[HELM]}"
    if not phases:
        return HookReading(left_out=said)
    delete = [HELM_POLICIES[each] for each in _items(annotations.get(HELM_DELETE, "")) if each in HELM_POLICIES]
    return HookReading(Hook(phases, _whole(annotations.get(HELM_WEIGHT, "0")), tuple(delete) or (REPLACE,), said))


def _argo(annotations: Mapping[str, str]) -> HookReading:
    events = _items(annotations[ARGO])
    phases = tuple(dict.fromkeys(SYNC[event] for event in events if event in SYNC))
    said = f"{ARGO}: {annotations[ARGO]}"
    if "Skip" in events or (not phases and ARGO_ELSEWHERE & set(events)):
        return HookReading(left_out=said)
    if not phases:
        return EVERYDAY
    delete = [ARGO_POLICIES[each] for each in _items(annotations.get(ARGO_DELETE, "")) if each in ARGO_POLICIES]
    return HookReading(Hook(phases, sync_wave(annotations) or 0, tuple(delete) or (REPLACE,), said))


def _items(text: str) -> Iterable[str]:
    return [item for each in str(text).split(",") if (item := each.strip())]


def _whole(text: str) -> int:
    return int(text) if WHOLE.fullmatch(str(text).strip()) else 0
