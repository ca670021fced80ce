"""The kinds that a bundle's own CustomResourceDefinitions bring. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from environments.kube.objects import Manifest
from kube_schema import SchemaNode, node_of, recorded

from .kinds import CLUSTER_KINDS, FAR_REACHING, kind_id

KIND = "CustomResourceDefinition"
GROUP = "apiextensions.k8s.io"
OBJECT_FIELDS = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True)
class KindDefinition:
    """A kind such as "Certificate.cert-manager.io". `schemas` has the schema of each version that is served.

    A schema is that of OpenAPI v3, {} where the definition gives none.
    """

    kind: str
    namespaced: bool
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def schema(self, api_version: str) -> SchemaNode | None:
        """The type of its objects; None for a version that is not served, and for one without a schema."""
        raw = self.schemas.get(api_version.rpartition("/")[2])
        if not raw or not raw.get("properties"):
            return None
        # Every object has these, however little the definition says of them.
        properties = {**raw["properties"], **{key: {} for key in OBJECT_FIELDS}}
        return node_of({**raw, "properties": properties})


def definitions_in(manifests: Iterable[Any]) -> dict[str, KindDefinition]:
    """By kind. Definitions that cannot be read are left out: the cluster says what is wrong with them.

    So are those of Kubernetes' kinds, and of kinds that reach far: no definition makes one of them a bundle's own.
    """
    found = (_definition(each) for each in manifests if _is_definition(each))
    return {each.kind: each for each in found if each and not _is_known(each.kind)}


def _is_definition(manifest: Any) -> bool:
    return (
        isinstance(manifest, Mapping)
        and manifest.get("kind") == KIND
        and str(manifest.get("apiVersion", "")).startswith(f"{GROUP}/")
    )


def _definition(manifest: Manifest) -> KindDefinition | None:
    try:
        spec = manifest["spec"]
        group, kind = spec["group"], spec["names"]["kind"]
        versions = {
            version["name"]: (version.get("schema") or {}).get("openAPIV3Schema") or {}
            for version in spec["versions"]
            if version.get("served", True)
        }
        return KindDefinition(kind_id(f"{group}/v1", kind), spec["scope"] == "Namespaced", versions)
    except (KeyError, TypeError, AttributeError):
        return None


def _is_known(kind: str) -> bool:
    return kind in FAR_REACHING or kind in _built_in()


@cache
def _built_in() -> frozenset[str]:
    """The kinds of Kubernetes itself and of its project."""
    names = (name.rpartition("/") for name in recorded().kinds)
    own = (kind for kind in CLUSTER_KINDS if "." not in kind or kind.endswith(".k8s.io"))
    return frozenset({*own, *(kind_id(api_version, kind) for api_version, _, kind in names)})
