"""The loop: leases what is due, in batches of one cluster each, and hands it to the workers. Any host may run one."""

import threading
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal.models import OutgoingCall
from portal.orchestration.queue import enqueue, sweeps, waiting
from releases.models import Rollout
from releases.orchestrator import claims
from releases.states import DRIVEN, LIVE, Phase
from releases.wake import poke, wake_all

log = structlog.get_logger(__name__)
ADVANCE = "releases.orchestrator.reconciler.advance"
DELIVER = "portal.outbound.calls.deliver_due"
TICK = 0.25
BATCH = 20
SPREAD = 8  # batches at least, while there are few: no worker waits while another has a row of them
MOST = 32  # rollouts that one tick leases: all are reached while their tickets last
ROW = 8  # messages that wait at most before more is leased: a ticket that lay about for too long is void
FAR = timedelta(minutes=10)  # further ahead nothing is put off

Enqueue = Callable[..., None]


class Loop:
    """Ticks four times a second, and at once when poked.

    `send` gets the path of a function and its arguments; `row` tells how many messages wait for a worker.
    """

    def __init__(self, send: Enqueue = enqueue, row: Callable[[], int] = waiting) -> None:
        self._send = send
        self._row = row
        self._news = threading.Event()

    def poke(self) -> None:
        """Has the next tick come at once; from any thread."""
        self._news.set()

    def wait(self) -> None:
        """Until the next tick is due."""
        self._news.wait(TICK)
        self._news.clear()

    def tick(self) -> int:
        """Leases and sends what is due now; how many rollouts."""
        now = timezone.now()
        # A read first: on SQLite a transaction that finds nothing would still take the one lock for writing.
        if not claims.due(now).exists() or self._row() >= ROW:
            return 0
        with transaction.atomic():
            leased = claims.lease_due(now, MOST)
            for ids, ticket in batches(leased, min(BATCH, ceil(len(leased) / SPREAD))):
                self._send(ADVANCE, ",".join(map(str, ids)), ticket)
        return len(leased)

    def sweep(self) -> None:
        """Once in a while: calls out that are due, and rollouts that nobody would come back to."""
        now = timezone.now()
        self._deliver(now)
        wake_all(_forgotten(now))
        _void_leases(now)
        sweeps.run()

    def _deliver(self, now: datetime) -> None:
        if OutgoingCall.objects.filter(state=OutgoingCall.State.PENDING, due_at__lte=now).exists():
            self._send(DELIVER)


def _forgotten(now: datetime) -> list[int]:
    """Rollouts without a time, or, since the clock was put back, with one that is too far ahead."""
    busy = LIVE | {Phase.PLANNING}
    without = Q(phase__in=busy, due_at=None) | Q(phase__in=DRIVEN, expires_at__lte=now, due_at=None)
    far = Q(phase__in=busy | {Phase.WAITING}, due_at__gt=now + FAR)
    return list(Rollout.objects.filter(without | far).values_list("pk", flat=True))


def _void_leases(now: datetime) -> None:
    """Ends leases from before the clock was put back: whoever held one may be dead, and saves nothing once it is."""
    endless = Rollout.objects.filter(lease_until__gt=now + 2 * timedelta(seconds=claims.lease_seconds()))
    if endless.exists():
        endless.update(lease_owner="", lease_until=None, due_at=now)


def batches(leased: Collection[tuple[int, int, str]], most: int) -> Iterator[tuple[list[int], str]]:
    """(ids, ticket) of at most `most` rollouts on one cluster, so that one look serves them all. Pure."""
    for _, group in groupby(sorted(leased, key=lambda row: row[1]), key=lambda row: row[1]):
        rows = list(group)
        for first in range(0, len(rows), most):
            yield [pk for pk, _, _ in rows[first : first + most]], rows[first][2]


def objects_changed(cluster: int, applications: Collection[str]) -> None:
    """Live rollouts whose objects a watch told of are due now."""
    found = Rollout.objects.filter(phase__in=LIVE, environment__cluster=cluster, application__name__in=applications)
    ids = list(found.values_list("pk", flat=True))
    wake_all(ids)
    if ids:
        poke()


def idle() -> bool:
    """Whether no rollout is being planned or written."""
    return not Rollout.objects.filter(phase__in=LIVE | {Phase.PLANNING}).exists()
