"""Who works on a row: leases, and saves that touch no row where somebody else does by now.

`due_at` of a leased row is the moment its lease was to end, the marker: so a worker that dies is followed by another,
and whoever wakes the row meanwhile changes it, which the save that gives the lease back notices.
"""

import os
import socket
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from portal.orchestration.wake import poke


class Held(models.Model):
    """A row that one host at a time holds, for as long as it lives and renews: `hold` and `let_go`."""

    lease_until = models.DateTimeField(null=True, editable=False, help_text="Until when its holder has it.")
    lease_owner = models.CharField(
        max_length=100, blank=True, default="", editable=False, help_text="The process that has it."
    )

    class Meta:
        abstract = True


class Leased(Held):
    """A row that workers work on, one at a time, when it is due."""

    due_at = models.DateTimeField(null=True, editable=False, db_index=True, help_text="When it is looked at next.")
    version = models.BigIntegerField(
        default=0, editable=False, help_text="Counts every change, so that no worker overwrites another."
    )
    attempts = models.PositiveIntegerField(default=0, editable=False, help_text="How often it failed in a row.")

    class Meta:
        abstract = True


class Lost(Exception):
    """Somebody else works on the row now: let go of it."""


class Ticket(NamedTuple):
    """A lease that nobody has taken up yet."""

    pk: int
    group: Any
    owner: str
    due_at: datetime


M = TypeVar("M", bound=Leased)
H = TypeVar("H", bound=Held)


def rows_of(model: type[M]) -> QuerySet[M]:
    """Every row of a model."""
    rows: QuerySet[M] = model._default_manager.all()
    return rows


def lease_seconds() -> float:
    """How long a lease lasts where its kind says nothing else."""
    return float(settings.LEASE_SECONDS)


def new_owner() -> str:
    """A name that no other hold of any process has: host, process, and something random."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex}"[-100:]


class Lease(Generic[M]):
    """One worker's hold on one row. Every save compares owner and version, raises the version and renews.

    Subclasses say what belongs to a row (`related`), how long a lease lasts, and what is checked of a row read anew.
    """

    related: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def seconds(cls) -> float:
        """How long it lasts without a word of its worker."""
        return lease_seconds()

    def __init__(self, row: M, owner: str, until: float) -> None:
        self.row = row
        self.owner = owner
        self.until = until
        """By the monotonic clock, and never later than the row says."""
        self.marker = row.due_at

    @property
    def left(self) -> float:
        """Seconds that the lease lasts."""
        return self.until - time.monotonic()

    def may_write(self) -> bool:
        """Whether a write that begins now ends before anybody else may take the row."""
        return self.left > self.seconds() / 2

    def renew(self, fields: dict[str, Any]) -> bool:
        """Saves what nobody decides by, and keeps the row; the version stays. False where it is not ours any more."""
        began = time.monotonic()
        if not self._owned().update(**fields, lease_until=_from_now(self.seconds())):
            return False
        self.until = began + self.seconds()
        return True

    def save(self, fields: dict[str, Any]) -> bool:
        """Saves and keeps the row. False where somebody has changed it since it was read; Lost."""
        began = time.monotonic()
        if not self._update(self._mine(), {**fields, "lease_until": _from_now(self.seconds())}):
            return False
        self.until = began + self.seconds()
        return True

    def release(self, fields: dict[str, Any], due_at: datetime | None) -> bool:
        """Saves and gives the row back. False where it was changed or woken since it was read; Lost."""
        seen = self.row.due_at
        same = Q(due_at=seen) if seen else Q(due_at=None)
        return self._update(self._mine().filter(same), {**fields, **_given_back(due_at)})

    def finish(self, fields: dict[str, Any], due_at: datetime | None) -> None:
        """Saves and gives the row back, over whatever was changed or woken since it was read. Lost."""
        self._update(self._owned(), {**fields, **_given_back(due_at)})

    def give_back(self, **fields: Any) -> None:
        """Gives the row back as it is, but for `fields`.

        It is due when its row says, at once where that is the lease's own end.
        """
        soon = Case(When(due_at=self.marker, then=Value(timezone.now())), default=F("due_at"))
        self._owned().update(lease_owner="", lease_until=None, due_at=soon, **fields)

    def check(self, row: M) -> None:
        """Raises what its kind has against working on a row that was read anew."""

    def reload(self) -> None:
        """The row as it is now. Lost where it is no longer ours; what `check` raises."""
        fresh = self._owned().select_related(*self.related).first()
        self.row = self._checked(fresh)

    @contextmanager
    def locked(self) -> Iterator[M]:
        """The row in a transaction, locked, for whoever saves it as a whole. Raises as `reload` does."""
        with transaction.atomic():
            yield self._checked(self._owned().select_for_update(of=("self",)).select_related(*self.related).first())

    def _checked(self, row: M | None) -> M:
        if row is None or self.left <= 0:
            raise Lost
        self.check(row)
        return row

    def _owned(self) -> QuerySet[M]:
        return rows_of(type(self.row)).filter(pk=self.row.pk, lease_owner=self.owner)

    def _mine(self) -> QuerySet[M]:
        return self._owned().filter(version=self.row.version)

    def _update(self, rows: QuerySet[M], fields: dict[str, Any]) -> bool:
        if self.left <= 0:
            raise Lost
        if rows.update(**fields, version=F("version") + 1):
            for name, value in {**fields, "version": self.row.version + 1}.items():
                setattr(self.row, name, value)
            return True
        if not self._owned().exists():
            raise Lost
        return False


L = TypeVar("L", bound=Lease[Any])


class Leases(Generic[M, L]):
    """The leases of one model's rows: who is due, and how a worker comes to hold a row.

    `where`: which rows are ever worked on. `hold`: the class of a lease on one.
    """

    def __init__(self, model: type[M], where: Q, hold: type[L]) -> None:
        self.model = model
        self._where = where
        self._hold = hold

    def workable(self) -> QuerySet[M]:
        """Rows that are ever worked on, due or not."""
        return rows_of(self.model).filter(self._where)

    def due(self, now: datetime) -> QuerySet[M]:
        """Rows that somebody should work on now, longest due first."""
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.workable().filter(free, due_at__lte=now).order_by("due_at", "pk")

    def lease(self, now: datetime, most: int, group: str = "") -> list[Ticket]:
        """Leases up to `most` due rows in the caller's transaction; `group`: the look-up that tickets tell, or ""."""
        rows = self.due(now)
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        owner = uuid.uuid4().hex
        found = [
            Ticket(pk, of if group else "", owner, due_at)
            for pk, of, due_at in rows.values_list("pk", group or "pk", "due_at")[:most]
        ]
        until = now + timedelta(seconds=self._hold.seconds())
        held = rows_of(self.model).filter(pk__in=[ticket.pk for ticket in found])
        held.update(lease_owner=owner, lease_until=until, due_at=until)
        return found

    def take(self, ids: Collection[int], ticket: str, owner: str = "") -> list[L]:
        """Turns a ticket into leases; rows that somebody has taken already, or whose lease is over, are left out."""
        owner, began, seconds = owner or new_owner(), time.monotonic(), self._hold.seconds()
        rows = rows_of(self.model).filter(pk__in=ids)
        mine = rows.filter(lease_owner=ticket, lease_until__gt=timezone.now())
        mine.update(lease_owner=owner, lease_until=_from_now(seconds))
        taken = rows.filter(lease_owner=owner).select_related(*self._hold.related).order_by("pk")
        return [self._hold(row, owner, began + seconds) for row in taken]

    def drop(self, ids: Collection[int], ticket: str) -> None:
        """Gives back what a ticket leased and nobody took: it is due again at once."""
        with transaction.atomic():
            rows = rows_of(self.model).filter(pk__in=ids, lease_owner=ticket)
            rows.update(lease_owner="", lease_until=None, due_at=timezone.now())

    def endless(self, now: datetime) -> QuerySet[M]:
        """Rows with a lease from before the clock was put back: no lease is that long."""
        return self.workable().filter(lease_until__gt=_endless(now, self._hold.seconds()))


def void(rows: QuerySet[M], now: datetime) -> None:
    """Ends the leases of rows whose worker may be dead; whoever still holds one saves nothing once it is."""
    # A read first: on SQLite a write that finds nothing would still take the one lock for writing.
    if rows.exists():
        rows.update(lease_owner="", lease_until=None, due_at=now)


def wake(model: type[Leased], ids: Collection[int]) -> None:
    """The rows are due now. Call it in the transaction of the change; other processes' loops see it in a tick."""
    if ids:
        rows_of(model).filter(pk__in=ids).update(due_at=timezone.now())
        transaction.on_commit(poke)


def hold(rows: QuerySet[H], owner: str, seconds: float) -> bool:
    """Takes or renews one host's hold on the one row of `rows`; whether it is the owner's now."""
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=_endless(now, seconds))
    free |= Q(lease_owner=owner)
    return rows.filter(free).update(lease_owner=owner, lease_until=now + timedelta(seconds=seconds)) == 1


def let_go(rows: QuerySet[H], owner: str) -> None:
    """Others may hold at once what the owner held."""
    rows.filter(lease_owner=owner).update(lease_owner="", lease_until=timezone.now())


def _given_back(due_at: datetime | None) -> dict[str, Any]:
    return {"lease_until": None, "lease_owner": "", "due_at": due_at}


def _endless(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=2 * seconds)


def _from_now(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)
