"""Which kinds of a bundle belong to no namespace, of those that the cluster alone knows."""

from collections.abc import Iterator

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KindMissing, Unaddressable
from environments.manifests.bundle import ManifestBundle, contents_of
from environments.manifests.kinds import CLUSTER_KINDS, DEFAULT_KINDS, kind_id
from environments.manifests.node import text_at
from environments.manifests.target import RenderTarget


def with_scopes(target: RenderTarget, bundle: ManifestBundle, gateway: Gateway) -> RenderTarget:
    """The target, with the bundle's kinds of the whole cluster that no table here has. Raises KubeError."""
    return target.with_cluster_kinds(
        kind_id(api_version, kind)
        for api_version, kind in sorted(set(_asked(target, bundle)))
        if _is_of_cluster(gateway, api_version, kind)
    )


def _asked(target: RenderTarget, bundle: ManifestBundle) -> Iterator[tuple[str, str]]:
    """(apiVersion, kind) of what is allowed by the environment's own lists alone."""
    contents = contents_of(bundle)
    for document in (*contents.base, *contents.rendered.get(target.name, ())):
        api_version, kind = text_at(document.node, "apiVersion"), text_at(document.node, "kind")
        known = kind_id(api_version, kind)
        if known not in CLUSTER_KINDS and known not in DEFAULT_KINDS and target.allows_kind(known):
            yield api_version, kind


def _is_of_cluster(gateway: Gateway, api_version: str, kind: str) -> bool:
    """False where the cluster does not know the kind: the bundle may bring it, or the dry run says so."""
    try:
        return not gateway.resource(api_version, kind).namespaced
    except (KindMissing, Unaddressable):
        return False
