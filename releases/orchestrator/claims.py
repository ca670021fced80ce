"""Who works on a rollout: leases, and saves that touch no row where somebody else does by now.

`due_at` of a leased rollout is the moment its lease was to end, the marker: so a worker that dies is followed by
another, and whoever wakes the rollout meanwhile changes it, which the save that gives the lease back notices.
"""

import os
import socket
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from portal.metrics import LATENESS
from releases import vouched
from releases.models import Rollout
from releases.states import DRIVEN

RELATED = ("release", "application", "environment__cluster", "previous__release")
HOST = f"{socket.gethostname()}/{os.getpid()}"


class Lost(Exception):
    """Somebody else works on the rollout now: let go of it."""


def lease_seconds() -> float:
    return float(settings.LEASE_SECONDS)


def due(now: datetime) -> QuerySet[Rollout]:
    """Rollouts that somebody should work on now, longest due first."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return Rollout.objects.filter(free, phase__in=DRIVEN, due_at__lte=now).order_by("due_at", "pk")


def lease_due(now: datetime, most: int) -> list[tuple[int, int, str]]:
    """Leases up to `most` due rollouts in the caller's transaction: (id, cluster's id, ticket) of each."""
    rows = due(now)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    found = list(rows.values_list("pk", "environment__cluster_id", "due_at")[:most])
    ticket = uuid.uuid4().hex
    until = now + timedelta(seconds=lease_seconds())
    Rollout.objects.filter(pk__in=[pk for pk, _, _ in found]).update(
        lease_owner=ticket, lease_until=until, due_at=until
    )
    for due_at in filter(None, (due_at for _, _, due_at in found)):
        LATENESS.observe((now - due_at).total_seconds())
    return [(pk, cluster, ticket) for pk, cluster, _ in found]


def take(ids: Collection[int], ticket: str) -> list["Claim"]:
    """Turns a ticket into claims; those that somebody has taken already, or whose lease is over, are left out."""
    owner, began = f"{HOST}/{uuid.uuid4().hex}"[-100:], time.monotonic()
    now = timezone.now()
    mine = Rollout.objects.filter(pk__in=ids, lease_owner=ticket, lease_until__gt=now)
    mine.update(lease_owner=owner, lease_until=now + timedelta(seconds=lease_seconds()))
    rows = Rollout.objects.filter(pk__in=ids, lease_owner=owner).select_related(*RELATED)
    return [Claim(row, owner, began + lease_seconds()) for row in rows.order_by("pk")]


class Claim:
    """One worker's hold on one rollout. Every save compares owner and version, raises the version and renews."""

    def __init__(self, rollout: Rollout, owner: str, until: float) -> None:
        self.rollout = rollout
        self.owner = owner
        self.until = until
        self.marker = rollout.due_at
        """By the monotonic clock, and never later than the row says."""

    @property
    def left(self) -> float:
        """Seconds that the lease lasts."""
        return self.until - time.monotonic()

    def may_write(self) -> bool:
        """Whether a write that begins now ends before anybody else may take the rollout."""
        return self.left > lease_seconds() / 2

    def save(self, fields: dict[str, Any]) -> bool:
        """Saves and keeps the rollout. False where a person has changed it since it was read; Lost."""
        began = time.monotonic()
        until = timezone.now() + timedelta(seconds=lease_seconds())
        if not self._update(self._mine(), {**fields, "lease_until": until}):
            return False
        self.until = began + lease_seconds()
        return True

    def release(self, fields: dict[str, Any], due_at: datetime | None) -> bool:
        """Saves and gives the rollout back. False where it was changed or woken since it was read; Lost."""
        seen = self.rollout.due_at
        same = Q(due_at=seen) if seen else Q(due_at=None)
        given_back = {"lease_until": None, "lease_owner": "", "due_at": due_at}
        return self._update(self._mine().filter(same), {**fields, **given_back})

    def give_back(self) -> None:
        """Gives a rollout that is not live back as it is, with no try under way.

        It is due when its row says, at once where that is the lease's own end.
        """
        soon = Case(When(due_at=self.marker, then=Value(timezone.now())), default=F("due_at"))
        self._owned().update(lease_owner="", lease_until=None, due_at=soon, cursor={})

    def reload(self) -> None:
        """The rollout as it is now. Lost where it is no longer ours, Doubtful where the history has another."""
        fresh = self._owned().select_related(*RELATED).first()
        if fresh is None or self.left <= 0:
            raise Lost
        vouched.check(fresh)
        self.rollout = fresh

    @contextmanager
    def locked(self) -> Iterator[Rollout]:
        """The rollout in a transaction, locked, for whoever saves it as a whole. Lost and Doubtful as in `reload`."""
        with transaction.atomic():
            row = self._owned().select_for_update(of=("self",)).select_related(*RELATED).first()
            if row is None or self.left <= 0:
                raise Lost
            vouched.check(row)
            yield row

    def _owned(self) -> QuerySet[Rollout]:
        return Rollout.objects.filter(pk=self.rollout.pk, lease_owner=self.owner)

    def _mine(self) -> QuerySet[Rollout]:
        return self._owned().filter(version=self.rollout.version)

    def _update(self, rows: QuerySet[Rollout], fields: dict[str, Any]) -> bool:
        if self.left <= 0:
            raise Lost
        if rows.update(**fields, version=F("version") + 1):
            for name, value in {**fields, "version": self.rollout.version + 1}.items():
                setattr(self.rollout, name, value)
            return True
        if not self._owned().exists():
            raise Lost
        return False


def drop(ids: Sequence[int], ticket: str) -> None:
    """Gives back what a ticket leased and nobody took: it is due again at once."""
    with transaction.atomic():
        Rollout.objects.filter(pk__in=ids, lease_owner=ticket).update(
            lease_owner="", lease_until=None, due_at=timezone.now()
        )
