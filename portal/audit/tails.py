"""Whether the newest heads of database and folder, and the entry that they name, still fit each other. Cheap."""

from dataclasses import dataclass

from django.db import connection, transaction

from portal.actors import Actor
from portal.audit import folder, guard
from portal.audit.heads import HistoryBroken, Published, read
from portal.audit.log import record, serialise
from portal.models import AuditEntry, PublishedHead

BEGUN = "history.heads-begun"


@dataclass(frozen=True)
class Tails:
    """The newest head of the database, with its row's number, that of the folder, and what the folder's `last` says."""

    stored: Published | None
    sequence: int
    newest: Published | None
    last: str | None
    begun: bool

    @classmethod
    def look(cls) -> "Tails":
        """Both at the same moment: nobody publishes meanwhile."""
        with transaction.atomic():
            serialise()
            row, newest = PublishedHead.objects.last(), folder.newest()
            return cls(
                read(row.line) if row else None,
                row.sequence if row else 0,
                read(newest) if newest is not None else None,
                folder.last(),
                AuditEntry.objects.filter(verb=BEGUN).exists(),
            )

    @property
    def none(self) -> bool:
        """Whether there is no head at all."""
        return self.stored is None and self.newest is None

    def trouble(self) -> str:
        """How they do not fit, in words; "" where they do, or where there is none yet."""
        if self.none:
            return self._all_gone()
        where = folder.path()
        if self.newest is None:
            return f"The published heads in {where} were removed: the database has them up to {_named(self.stored)}."
        if self.stored is None:
            return self._not_stored(self.newest)
        return _differing(self.stored, self.newest) or self._last_differs(self.newest)

    def _all_gone(self) -> str:
        if not self.begun:
            return ""
        return (
            f"Heads were published before, as an entry {BEGUN} tells, and none is left: they were removed from the "
            f"database and from {folder.path()}."
        )

    def _not_stored(self, newest: Published) -> str:
        if newest.genuine and not newest.head.sequence and not self.begun:
            return self._last_differs(newest)  # of before the database kept them
        return f"The published heads were removed from the database: {folder.path()} has them up to {_named(newest)}."

    def _last_differs(self, newest: Published) -> str:
        file = folder.path() / "last"
        if self.last is None:
            return f"{file} was removed."
        old_form = str(newest.head.number) if not newest.head.sequence else ""
        return "" if self.last in (newest.line, old_form) else f"{file} was changed: it is not {_named(newest)}."


def _differing(stored: Published, newest: Published) -> str:
    if stored.line == newest.line:
        return ""
    if not newest.genuine:
        return f"The newest published head in {folder.path()} is not signed by this installation."
    if newest.head.number < stored.head.number or newest.head.sequence < stored.head.sequence:
        return (
            f"The newest published heads were removed from {folder.path()}: it ends with {_named(newest)}, "
            f"the database with {_named(stored)}."
        )
    return (
        f"The newest published heads were removed from the database, or others put there: it ends with "
        f"{_named(stored)}, {folder.path()} with {_named(newest)}."
    )


def _named(published: Published | None) -> str:
    head = published.head if published else None
    return f"the head published at {head.at} of entry {head.number}" if head and head.number else "no head"


def triggers_missing() -> str:
    """Which of the database's triggers are missing, in words; "" where all are there."""
    gone = guard.missing(connection)
    return (
        f"The database's triggers {', '.join(gone)} are missing or changed: what they refuse could have been done. "
        "`manage.py audit guard` puts them back."
        if gone
        else ""
    )


def put_triggers_back(*, actor: Actor) -> list[str]:
    """Installs the database's triggers where some are missing, and tells so; the names of those that were."""
    with transaction.atomic():
        gone = guard.missing(connection)
        for table in guard.TABLES if gone else ():
            with connection.cursor() as cursor:
                guard.remove(connection, cursor.execute, table)
                guard.install(connection, cursor.execute, table)
        if gone:
            entry = AuditEntry.objects.first() or AuditEntry(number=0)
            record("history.triggers-put-back", entry, {"missing": gone}, actor=actor)
    return gone


def require_fitting(published: Published) -> None:
    """HistoryBroken where a head is not ours, or the entry that it names is not there as it was."""
    head = published.head
    if not published.genuine:
        raise HistoryBroken.because("The newest published head is not signed by this installation.")
    found = AuditEntry.objects.filter(number=head.number).values_list("hash", flat=True).first()
    if found is None:
        end = AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0
        raise (
            cut_off(end + 1, published)
            if end < head.number
            else HistoryBroken.because(
                f"Entry {head.number} was removed: the head published at {head.at} names it.", head.number
            )
        )
    if found != head.hash:
        raise written_anew(published)


def cut_off(first: int, published: Published) -> HistoryBroken:
    """The newest entries are gone, from `first` on."""
    return HistoryBroken.because(
        f"The newest entries were removed, from {first} on: the head published at {published.head.at} "
        f"names entry {published.head.number}.",
        first,
    )


def written_anew(published: Published) -> HistoryBroken:
    """The entry that a head names has another hash."""
    return HistoryBroken.because(
        f"Entry {published.head.number} or one before it was written anew: the head published at "
        f"{published.head.at} names another hash.",
        published.head.number,
    )
