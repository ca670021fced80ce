"""Whether the history is whole: its chain, the chain against every published head, and what else can be asked of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from portal.audit.chain import Break
from portal.audit.heads import HistoryBroken, current_head
from portal.audit.reading import NO_HEADS, HistoryReading

Check = Callable[[], Iterator[Break]]
_checks: list[Check] = []
# A page reads no more than these; the command reads all.
NEWEST = 20_000


@dataclass(frozen=True)
class Verification:
    """What was read, and the first thing that is wrong. `first_bad` is 0 where it is no entry (a head, a trigger)."""

    entries: int
    head: str
    heads: int
    whole: bool
    first_bad: int | None = None
    why: str = ""
    scope: str = ""

    def __str__(self) -> str:
        if not self.whole:
            return f"The history is {'not verified' if self.why == NO_HEADS else 'broken'}. {self.why}"
        return f"{self.entries} entries verified against {self.heads} published heads{self.scope}"


def also_verified(check: Check) -> Check:
    """Decorates what `verify` asks too, once the chain is whole: each Break is something that does not fit it."""
    _checks.append(check)
    return check


def verify(first: int | None = None, *, without_heads: str = "") -> Verification:
    """Reads the history from a number on, and the heads; the first bad entry and why.

    Without any published head it is not whole, unless `without_heads` says in words why there is none.
    """
    reading = HistoryReading(first, without_heads=without_heads)
    try:
        for _ in reading.items():
            pass
        broken = next((found for check in _checks for found in check()), None)
    except HistoryBroken as error:
        broken = error.found
    return Verification(
        entries=reading.entries,
        head=reading.end_hash,
        heads=reading.heads,
        whole=broken is None,
        first_bad=broken.number if broken else None,
        why=broken.why if broken else "",
        scope=how_far(reading),
    )


def verify_newest(most: int = NEWEST) -> Verification:
    """As `verify`, of the newest entries only: what a page can wait for."""
    return verify(max(1, current_head().number - most + 1))


def how_far(reading: HistoryReading) -> str:
    """Which entries were read, and up to which heads cover them, in words."""
    newest = reading.newest
    covered = newest.number if newest else reading.start - 1
    words = f", entries {reading.start} to {reading.end}" if reading.end else ""
    if newest:
        words += f"; the newest head, published at {newest.at}, covers up to {covered}"
    if reading.end > covered:
        words += f"; no head covers {covered + 1} to {reading.end} yet"
    if reading.without_heads:
        words += f". Without heads that should be there: {reading.without_heads}"
    return words + "."
