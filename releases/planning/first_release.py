"""Whether a release is the first of its application in an environment: an installation, as Helm calls it."""

from environments.kube.api.client import Gateway
from environments.kube.objects import Ref
from environments.manifests.bundle import ManifestBundle
from environments.manifests.render import refs_of
from environments.manifests.target import RenderTarget
from releases.lifecycle import running_release
from releases.models import Rollout

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
ASKED = 10  # one that is there is enough, and who takes an application over has most of them


def is_first(rollout: Rollout, bundle: ManifestBundle, target: RenderTarget, gateway: Gateway) -> bool:
    """Whether nothing of it runs there yet; what another tool put there counts.

    Raises KubeError, and BundleErrors before the cluster is asked for anything that the bundle names wrongly.
    """
    if running_release(rollout.application_id, rollout.environment_id):
        return False
    return not any(gateway.get(ref) for ref in _workloads(bundle, target)[:ASKED])


def _workloads(bundle: ManifestBundle, target: RenderTarget) -> list[Ref]:
    return [ref for ref in refs_of(bundle, target) if ref.kind in WORKLOADS]
