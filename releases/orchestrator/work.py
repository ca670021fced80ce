"""Rollouts as a kind of work: what the orchestrator hands out, comes back to, and wakes when objects change."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q

from environments import workload_sync
from portal.metrics import LATENESS
from portal.orchestration import work
from portal.orchestration.wake import poke
from portal.orchestration.work import PassKind
from releases.models import Rollout
from releases.orchestrator.claims import CLAIMS
from releases.states import DRIVEN, LIVE, Phase
from releases.wake import wake_all

FAR = timedelta(minutes=10)  # further ahead nothing is put off


def _forgotten(now: datetime) -> list[int]:
    """Rollouts without a time, or, since the clock was put back, with one that is too far ahead."""
    busy = LIVE | {Phase.PLANNING}
    without = Q(phase__in=busy, due_at=None) | Q(phase__in=DRIVEN, expires_at__lte=now, due_at=None)
    far = Q(phase__in=busy | {Phase.WAITING}, due_at__gt=now + FAR)
    return list(Rollout.objects.filter(without | far).values_list("pk", flat=True))


def _busy() -> bool:
    """Whether a rollout is being planned or written."""
    return Rollout.objects.filter(phase__in=LIVE | {Phase.PLANNING}).exists()


ROLLOUTS = PassKind(
    name="rollouts",
    leases=CLAIMS,
    path="releases.orchestrator.reconciler.advance",
    # One look at a cluster serves all of a batch.
    group="environment__cluster_id",
    forgotten=_forgotten,
    busy=_busy,
    lateness=LATENESS,
)
work.register(ROLLOUTS)


@workload_sync.on_change
def objects_changed(cluster: int, applications: Collection[str]) -> None:
    """Live rollouts whose objects a watch told of are due now."""
    found = Rollout.objects.filter(phase__in=LIVE, environment__cluster=cluster, application__name__in=applications)
    ids = list(found.values_list("pk", flat=True))
    wake_all(ids)
    if ids:
        poke()
