"""The loop: leases what is due, in batches, and hands it to the workers of the queue. Any host may run one."""

import threading
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import groupby
from math import ceil
from operator import attrgetter

from django.db import transaction
from django.utils import timezone

from portal.orchestration import work
from portal.orchestration.leases import Ticket
from portal.orchestration.queue import enqueue, waiting
from portal.orchestration.work import PassKind

TICK = 0.25

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
        """Leases and sends what is due now; how many rows."""
        now = timezone.now()
        return sum(self._hand_out(kind, now) for kind in work.passes())

    def _hand_out(self, kind: PassKind, now: datetime) -> int:
        # A read first: on SQLite a transaction that finds nothing would still take the one lock for writing.
        if not kind.leases.due(now).exists() or self._row() >= kind.ahead:
            return 0
        with transaction.atomic():
            leased = kind.leases.lease(now, kind.most, kind.group)
            for ids, ticket in batches(leased, min(kind.batch, ceil(len(leased) / kind.spread))):
                self._send(kind.path, ",".join(map(str, ids)), ticket)
        _observe(kind, leased, now)
        return len(leased)


def _observe(kind: PassKind, leased: Collection[Ticket], now: datetime) -> None:
    if kind.lateness:
        for ticket in leased:
            kind.lateness.observe((now - ticket.due_at).total_seconds())


def batches(leased: Collection[Ticket], most: int) -> Iterator[tuple[list[int], str]]:
    """(ids, ticket) of at most `most` rows of one group. Pure."""
    for _, group in groupby(sorted(leased, key=attrgetter("group")), key=attrgetter("group")):
        rows = list(group)
        for first in range(0, len(rows), most):
            yield [ticket.pk for ticket in rows[first : first + most]], rows[first].owner
