"""What names an object of a cluster."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Manifest = dict[str, Any]


class Ref(NamedTuple):
    """One object of a cluster. `namespace` is "" for objects of the whole cluster."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def key(self) -> str:
        """The object's identity whatever version names it: "apps/Deployment/nova-dev/user-service"."""
        return f"{self.group}/{self.kind}/{self.namespace}/{self.name}"

    @property
    def text(self) -> str:
        """The object as a person reads it: "Deployment nova-dev/user-service"."""
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


def scale_target(scaler: Mapping[str, Any], field: str = "scaleTargetRef", default_namespace: str = "") -> Ref:
    """The workload that an autoscaler's spec names in `field`, with the defaults of KEDA and VPA filled in."""
    target = (scaler.get("spec") or {}).get(field) or {}
    version, kind = target.get("apiVersion") or "apps/v1", target.get("kind") or "Deployment"
    namespace = (scaler.get("metadata") or {}).get("namespace") or default_namespace
    return Ref(version, kind, namespace, target.get("name") or "")


def ref_of(manifest: Mapping[str, Any], default_namespace: str = "") -> Ref:
    """The Ref of a manifest that has apiVersion, kind and metadata.name; a KeyError names what is missing."""
    metadata = manifest["metadata"]
    namespace = metadata.get("namespace") or default_namespace
    return Ref(manifest["apiVersion"], manifest["kind"], namespace, metadata["name"])
