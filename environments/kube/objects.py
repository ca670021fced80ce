"""What names an object of a cluster."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from environments.kube.names import TRACKING

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


class Owner(NamedTuple):
    """Whose releases an object is of. `environment` is "" in what was written before it was noted."""

    application: str
    environment: str = ""

    @property
    def mark(self) -> str:
        """As the tracking annotation begins: "shop@dev"."""
        return f"{self.application}@{self.environment}" if self.environment else self.application

    @property
    def text(self) -> str:
        """As a person reads it: "shop in dev"."""
        return f"{self.application} in {self.environment}" if self.environment else self.application


def tracking_of(mark: str, ref: Ref) -> str:
    """The tracking annotation of an object: it names the object itself, so that a copy of it is known as one."""
    return f"{mark}:{ref.key}"


def owner_of(obj: Mapping[str, Any]) -> Owner | None:
    """Whose mark an object carries; None where nobody's, or that of another object, which it is a copy of."""
    text = (obj["metadata"].get("annotations") or {}).get(TRACKING, "")
    mark, _, key = str(text).partition(":")
    if not mark or key != ref_of(obj).key:
        return None
    application, _, environment = mark.partition("@")
    return Owner(application, environment)
