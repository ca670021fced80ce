"""What of a cluster's objects a plan takes over, and who else brings them."""

from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, KindMissing
from environments.kube.apply.diff import Taking
from environments.kube.apply.ownership import held_by_deployers
from environments.kube.apply.reconcilers import Reconciler
from environments.kube.objects import Manifest, ref_of
from releases.models import Rollout
from releases.plan.objects import is_marked
from releases.plan.pruning import NEVER_ADOPTED
from releases.planning.owners import owner_for
from releases.planning.sources import Source


def taking(rollout: Rollout, source: Source, changed: frozenset[str]) -> Taking:
    """What is taken in for the first time or again from a tool; on a way back of what changes whatever others have."""
    spare, owner = frozenset(source.spare), owner_for(rollout)
    back = rollout.kind == Rollout.Kind.UNDO

    def decide(live: Manifest) -> frozenset[str] | None:
        if live.get("kind") in NEVER_ADOPTED:
            return None
        undone = back and ref_of(live).key in changed
        return spare if undone or not is_marked(live, owner) or held_by_deployers(live, spare) else None

    return decide


def is_alive(gateway: Gateway, reconciler: Reconciler) -> bool:
    """Whether what a tool goes by is still there, as far as it may be looked at."""
    try:
        return reconciler.source is None or gateway.get(reconciler.source) is not None
    except KindMissing:
        return False
    except Denied:
        return True
