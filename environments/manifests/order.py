"""In which order objects are applied: stages one after the other, and waves within the workloads."""

from collections.abc import Mapping
from typing import Any

from environments.kube.names import WAVE

from .kinds import WORKLOADS
from .settings import SlipwayFile

STAGES = ("definitions", "configuration", "services", "workloads", "after")
MAX_WAVE = 99
STATEFUL_WAVE, MIGRATION_WAVE, DEFAULT_WAVE = 0, 1, 2

_STAGE_OF = {
    **dict.fromkeys(("CustomResourceDefinition", "Namespace"), "definitions"),
    **dict.fromkeys(
        (
            *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
            *("ConfigMap", "Secret", "ExternalSecret", "SecretProviderClass", "PersistentVolume"),
            *("PersistentVolumeClaim", "StorageClass", "PriorityClass", "ResourceQuota", "LimitRange"),
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
    """One of STAGES. What is not known (routes, autoscalers, monitors, custom resources) comes after the workloads."""
    return _STAGE_OF.get(manifest["kind"], "after")


def wave_of(manifest: Mapping[str, Any], settings: SlipwayFile) -> int:
    """The number of a workload's wave; 0 for what is no workload.

    The annotation slipway.dev/wave counts first, then slipway.yaml, then: StatefulSets 0, Jobs named as migrations 1,
    the rest 2. ValueError where the annotation is not a number from 0 to 99.
    """
    if stage_of(manifest) != "workloads":
        return 0
    metadata = manifest["metadata"]
    said = (metadata.get("annotations") or {}).get(WAVE)
    if said is not None:
        return _number(said)
    names = names_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
    numbers = [settings.wave_of[name] for name in names if name in settings.wave_of]
    return min(numbers, default=_default_wave(manifest["kind"], metadata["name"]))


def names_of(kind: str, namespace: str, name: str) -> frozenset[str]:
    """The ways in which slipway.yaml may name a workload."""
    return frozenset({name, f"{kind}/{name}", f"{kind}/{namespace}/{name}"})


def _default_wave(kind: str, name: str) -> int:
    if kind == "StatefulSet":
        return STATEFUL_WAVE
    return MIGRATION_WAVE if kind == "Job" and "migrat" in name else DEFAULT_WAVE


def _number(said: Any) -> int:
    if not (isinstance(said, str) and said.isascii() and said.isdigit() and int(said) <= MAX_WAVE):
        raise ValueError(f'a number from 0 to {MAX_WAVE} in quotes is needed, such as "1"')
    return int(said)
