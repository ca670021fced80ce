"""Whether a release is the first of its application in an environment: an installation, as Helm calls it."""

from environments.kube.api.client import Gateway
from environments.kube.objects import Ref
from environments.manifests.assemble import assemble
from environments.manifests.bundle import ManifestBundle
from environments.manifests.errors import Findings
from environments.manifests.target import RenderTarget
from releases.lifecycle import running_release
from releases.models import Rollout

WORKLOADS = frozenset({"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps"})
ASKED = 10  # one that is there is enough, and who takes an application over has most of them


def is_first(rollout: Rollout, bundle: ManifestBundle, target: RenderTarget, gateway: Gateway) -> bool:
    """Whether nothing of it runs there yet; what another tool put there counts. Raises KubeError."""
    if running_release(rollout.application_id, rollout.environment_id):
        return False
    return not any(gateway.get(ref) for ref in _workloads(bundle, target)[:ASKED])


def _workloads(bundle: ManifestBundle, target: RenderTarget) -> list[Ref]:
    """What is wrong with the bundle is told when it is rendered."""
    pieces = assemble(bundle, target, Findings()).pieces
    return [
        Ref(piece.api_version, piece.kind, piece.namespace, piece.name)
        for piece in pieces
        if piece.kind_id in WORKLOADS and piece.hook is None
    ]
