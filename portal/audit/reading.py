"""One pass over entries and published heads side by side, in constant memory, that ends at the first break."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from portal.audit import chain, folder, rows, tails
from portal.audit.heads import Head, HistoryBroken, Published, read
from portal.models import AuditEntry, PublishedHead

AT_ONCE = 2000
NO_HEADS = (
    "No head of this history was published, so nothing shows whether its end was cut off. The orchestrator publishes "
    "one a minute, and `manage.py audit head` does now."
)
Item = dict[str, Any] | Published


class HistoryReading:
    """The entries from one number to another with the heads among them, each verified before it is given.

    A part is read from the head before it to the head after it, so that both ends are held by one. `without_heads`
    says in words why heads may be missing: those that are there are held against the entries all the same.
    """

    def __init__(self, first: int | None = None, last: int | None = None, *, without_heads: str = "") -> None:
        self.first, self.last, self.without_heads = max(first or 1, 1), last, without_heads
        self.entries = self.heads = 0
        self.start, self.end, self.end_hash = 1, 0, ""
        self.newest: Head | None = None
        self._paired = False
        after = PublishedHead.objects.filter(number__gte=last).order_by("number").first() if last else None
        self._until = after.number if after else None

    def items(self) -> Iterator[Item]:
        """Entries and heads, in the order in which they came. Raises HistoryBroken."""
        found = tails.Tails.look()
        trouble = " ".join(filter(None, [tails.triggers_missing(), self.heads_trouble(found)]))
        try:
            yield from self._linked(found)
        except HistoryBroken as error:
            raise HistoryBroken.because(f"{error} {trouble}".strip(), error.found.number) from None
        if trouble:
            raise HistoryBroken.because(trouble)

    def heads_trouble(self, found: tails.Tails) -> str:
        """Why the newest heads do not fit each other, or that there are none, unless that was told in words."""
        trouble = found.trouble() or (NO_HEADS if found.none else "")
        self._paired = not trouble
        return "" if self.without_heads else trouble

    def _linked(self, found: tails.Tails) -> Iterator[Item]:
        before = _head_before(self.first)
        if before:
            tails.require_fitting(before)
            self.start, self.end, self.end_hash = before.head.number + 1, before.head.number, before.head.hash
        yield from self._merged(found, before)

    def _merged(self, found: tails.Tails, before: Published | None) -> Iterator[Item]:
        heads = self._heads(found, before)
        head = next(heads, None)
        for entry in rows.read(self._chosen()):
            if why := chain.broken(entry, self.end, self.end_hash):
                raise HistoryBroken.because(why, min(entry["number"], self.end + 1))
            self.end, self.end_hash = entry["number"], entry["hash"]
            if self._wants(self.end):
                self.entries += 1
                yield entry
            while head and head.head.number <= self.end:
                yield from self._fitting(head)
                head = next(heads, None)
        if head and (self._until is None or head.head.number <= self._until):
            raise tails.cut_off(self.end + 1, head)

    def _fitting(self, published: Published) -> Iterator[Published]:
        if (published.head.number, published.head.hash) != (self.end, self.end_hash):
            raise tails.written_anew(published)
        self.newest = published.head
        self.heads += 1
        if self._wants(published.head.number):
            yield published

    def _wants(self, number: int) -> bool:
        return number >= self.first and (self.last is None or number <= self.last)

    def _chosen(self) -> QuerySet[AuditEntry]:
        entries = AuditEntry.objects.filter(number__gte=self.start)
        return entries if self._until is None else entries.filter(number__lte=self._until)

    def _heads(self, found: tails.Tails, before: Published | None) -> Iterator[Published]:
        if found.stored is None:
            kept: Iterator[Published] = (_genuine(read(line), where) for where, line in folder.lines())
        else:
            kept = self._stored(found.sequence)
        for published in kept:
            if not published.follows(before):
                raise HistoryBroken.because(
                    f"A head before the one published at {published.head.at}, of entry {published.head.number}, was "
                    "removed."
                )
            before = published
            if published.head.number >= self.start:
                yield published

    def _stored(self, upto: int) -> Iterator[Published]:
        """The database's heads from the one before the first entry on, each beside the folder's line of it."""
        start = PublishedHead.objects.filter(number__lt=self.first).order_by("-sequence").first()
        after = start.sequence if start else 0
        beside = islice(folder.lines(), after, None) if self._paired else None
        while page := list(PublishedHead.objects.filter(sequence__gt=after).order_by("sequence")[:AT_ONCE]):
            for row in page:
                if row.sequence > upto:
                    return
                if row.sequence != after + 1:
                    raise HistoryBroken.because(f"Published head {after + 1} was removed from the database.")
                if beside is not None:
                    _same(row, next(beside, None))
                after = row.sequence
                yield _genuine(read(row.line), f"the database, number {row.sequence}")


def _head_before(first: int) -> Published | None:
    row = PublishedHead.objects.filter(number__lt=first).order_by("-sequence").first() if first > 1 else None
    return read(row.line) if row else None


def _same(row: PublishedHead, beside: tuple[str, str] | None) -> None:
    where, line = beside or ("its end", "")
    if line == row.line:
        return
    ours = read(row.line)
    if beside and not read(line).genuine:
        raise HistoryBroken.because(f"The published head in {where} is not signed by this installation.")
    if ours.genuine:
        raise HistoryBroken.because(
            f"The head published at {ours.head.at} (number {row.sequence}, entry {ours.head.number}) was removed from "
            f"{folder.path()}, before {where}."
        )
    raise HistoryBroken.because(f"The published head in the database, number {row.sequence}, is not that of {where}.")


def _genuine(published: Published, where: str) -> Published:
    if not published.genuine:
        raise HistoryBroken.because(f"The published head in {where} is not signed by this installation.")
    return published
