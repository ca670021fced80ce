"""In which order objects are applied: stages one after the other, and waves within the workloads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.kube.names import WAVE

from .hooks import sync_wave
from .kinds import WORKLOADS
from .settings import SlipwayFile

STAGES = ("definitions", "configuration", "services", "workloads", "after", "hooks")
"""The last are no stage of their own: hooks run before, between and after the others, see hooks.py."""
MAX_WAVE = 99
MIGRATION_WAVE, DEFAULT_WAVE = 1, 2
# What strategies move and hold: it has its place after the workloads, whatever number it has.
HELD = frozenset({
    "Canary", "DestinationRule", "GRPCRoute", "HTTPRoute", "HorizontalPodAutoscaler", "Ingress", "PodDisruptionBudget",
    "ScaledObject", "VerticalPodAutoscaler", "VirtualService",
})  # fmt: skip

_STAGE_OF = {
    **dict.fromkeys(("CustomResourceDefinition", "Namespace"), "definitions"),
    **dict.fromkeys(
        (
            *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
            *("ConfigMap", "Secret", "ExternalSecret", "SecretProviderClass", "PersistentVolume"),
            *("PersistentVolumeClaim", "StorageClass", "PriorityClass", "ResourceQuota", "LimitRange"),
            *("CSIDriver", "GatewayClass", "IngressClass", "RuntimeClass"),
            *("NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Sidecar"),
            "Telemetry",
            *("Issuer", "ClusterIssuer", "Certificate", "TriggerAuthentication"),
        ),
        "configuration",
    ),
    "Service": "services",
    **dict.fromkeys(WORKLOADS, "workloads"),
}


def stage_of(manifest: Mapping[str, Any]) -> str:
    """One of STAGES. What is not known (routes, autoscalers, monitors, custom resources) comes after the workloads.

    So do webhooks and APIServices: one whose pods are not there stops others' requests.
    """
    return _STAGE_OF.get(manifest["kind"], "after")


@dataclass(frozen=True)
class BundleOrder:
    """What the order of one bundle's objects depends on.

    `first`: nothing of the application runs there yet. `last_sync`: the highest of Argo CD's sync waves that a
    workload has; None where no object has any.
    """

    settings: SlipwayFile = field(default_factory=SlipwayFile)
    first: bool = False
    last_sync: int | None = None

    @classmethod
    def of(cls, manifests: Iterable[Mapping[str, Any]], settings: SlipwayFile, *, first: bool = False) -> "BundleOrder":
        numbers = [(stage_of(each), sync_wave(annotations_of(each))) for each in manifests]
        if all(number is None for _, number in numbers):
            return cls(settings, first)
        workloads = [number or 0 for stage, number in numbers if stage == "workloads"]
        return cls(settings, first, max(workloads, default=0))

    def place_of(self, manifest: Mapping[str, Any]) -> tuple[str, int]:
        """(stage, wave). A custom object with a sync wave comes in it, where workloads of a later one wait for it."""
        stage, number = stage_of(manifest), sync_wave(annotations_of(manifest))
        waited_for = number is not None and self.last_sync is not None and number < self.last_sync
        if stage == "after" and manifest["kind"] not in HELD and number is not None and waited_for:
            return "workloads", DEFAULT_WAVE + number
        return stage, wave_of(manifest, self.settings, first=self.first, synced=self.last_sync is not None)


def annotations_of(manifest: Mapping[str, Any]) -> Mapping[str, str]:
    """The annotations of an object; empty where it has none."""
    return manifest["metadata"].get("annotations") or {}


def wave_of(manifest: Mapping[str, Any], settings: SlipwayFile, *, first: bool = False, synced: bool = False) -> int:
    """The number of a workload's wave; 0 for what is no workload.

    The annotation slipway.dev/wave counts first, then slipway.yaml, then Argo CD's sync wave, which is counted from
    DEFAULT_WAVE. Workloads of which nothing says anything go side by side, with the last wave of slipway.yaml; only
    a Job named as a migration goes before them, where a release follows another: what the first one migrates comes
    with it. ValueError where our annotation is not a number from 0 to 99.
    """
    if stage_of(manifest) != "workloads":
        return 0
    annotations, metadata = annotations_of(manifest), manifest["metadata"]
    if WAVE in annotations:
        return _number(annotations[WAVE])
    names = names_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
    if numbers := [settings.wave_of[name] for name in names if name in settings.wave_of]:
        return min(numbers)
    if synced:
        return DEFAULT_WAVE + (sync_wave(annotations) or 0)
    if manifest["kind"] == "Job" and "migrat" in metadata["name"] and not first:
        return MIGRATION_WAVE
    return max(DEFAULT_WAVE, len(settings.waves) - 1)


def names_of(kind: str, namespace: str, name: str) -> frozenset[str]:
    """The ways in which slipway.yaml may name a workload."""
    return frozenset({name, f"{kind}/{name}", f"{kind}/{namespace}/{name}"})


def _number(said: Any) -> int:
    if not (isinstance(said, str) and said.isascii() and said.isdigit() and int(said) <= MAX_WAVE):
        raise ValueError(f'a number from 0 to {MAX_WAVE} in quotes is needed, such as "1"')
    return int(said)
