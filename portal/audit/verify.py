"""Whether the history is whole: its chain, and the chain against every published head."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.audit import chain, heads, rows


@dataclass(frozen=True)
class Verification:
    """What was read, and the first thing that is wrong. `first_bad` is 0 where it is no entry (a head's file)."""

    entries: int
    head: str
    heads: int
    whole: bool
    first_bad: int | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.whole:
            return f"{self.entries} entries verified against {self.heads} published heads."
        return f"The history is broken. {self.why}"


class _Pass:
    """One reading of all entries that remembers what the heads are held against."""

    def __init__(self, wanted: set[int]) -> None:
        self.wanted = wanted
        self.found: dict[int, str] = {}
        self.entries = 0
        self.head = ""

    def read(self) -> Iterator[Mapping[str, Any]]:
        for entry in rows.read():
            self.entries += 1
            self.head = entry["hash"]
            if entry["number"] in self.wanted:
                self.found[entry["number"]] = entry["hash"]
            yield entry


def verify() -> Verification:
    """Reads the whole history and every published head; the first bad entry and why."""
    published = list(heads.published())
    reading = _Pass({one.head.number for one in published})
    broken = chain.first_break(reading.read())
    if broken is None:
        broken = next(_against_heads(reading, published), None)
    return Verification(
        entries=reading.entries,
        head=reading.head,
        heads=len(published),
        whole=broken is None,
        first_bad=broken.number if broken else None,
        why=broken.why if broken else "",
    )


def _against_heads(reading: _Pass, published: list[heads.Published]) -> Iterator[chain.Break]:
    for one in published:
        head = one.head
        if not one.genuine:
            yield chain.Break(0, f"The published head in {one.where} is not signed by this installation.")
        elif head.number > reading.entries:
            first = reading.entries + 1
            yield chain.Break(
                first,
                f"The newest entries were removed, from {first} on: the head published at {head.at} "
                f"names entry {head.number}.",
            )
        elif reading.found[head.number] != head.hash:
            yield chain.Break(
                head.number,
                f"Entry {head.number} or one before it was written anew: the head published at {head.at} "
                "names another hash.",
            )
