"""An export: a line of JSON for each entry and published head, then what was verified, signed.

Verified while it is written: where something is wrong it ends with an unsigned line that names it.
scripts/verify_audit.py verifies an export.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils import timezone

from portal.audit import chain, tails
from portal.audit.heads import HistoryBroken, Published, signed
from portal.audit.reading import HistoryReading


class Export:
    """The lines of a range of numbers, and what became of them: `count`, and `broken`, "" where all held."""

    def __init__(self, first: int | None = None, last: int | None = None, *, without_heads: str = "") -> None:
        self.reading = HistoryReading(first, last, without_heads=without_heads)
        self.count = 0
        self.broken = ""
        self._ends: tuple[dict[str, Any], dict[str, Any]] | None = None

    def lines(self) -> Iterator[str]:
        """Each line with its newline; the last one is signed only if all before it is whole."""
        try:
            for item in self.reading.items():
                yield self._line(item) + "\n"
        except HistoryBroken as error:
            self.broken = str(error)
            yield json.dumps({"broken": self.broken, "at": _now()}) + "\n"
        else:
            yield signed(self._trailer()) + "\n"

    def _line(self, item: dict[str, Any] | Published) -> str:
        if isinstance(item, Published):
            return json.dumps({"published": item.line})
        self.count += 1
        self._ends = (self._ends[0] if self._ends else item, item)
        return json.dumps(item, ensure_ascii=False)

    def _trailer(self) -> dict[str, Any]:
        first, last = self._ends or ({"number": self.reading.first, "previous_hash": ""}, {"number": 0, "hash": ""})
        newest = self.reading.newest
        return {
            "number": last["number"],
            "hash": last["hash"],
            "at": _now(),
            "first": first["number"],
            "previous_hash": first["previous_hash"],
            "to_the_end": self.reading.last is None,
            "verified": [self.reading.start, self.reading.end],
            "covered": newest.number if newest else self.reading.start - 1,
            "without_heads": self.reading.without_heads,
        }


def write_export(path: Path, first: int | None = None, last: int | None = None, *, without_heads: str = "") -> Export:
    """Writes an export to a file that it creates anew. FileExistsError where there is one; HistoryBroken at the end."""
    export = Export(first, last, without_heads=without_heads)
    with path.open("x", encoding="utf-8") as file:
        file.writelines(export.lines())
    if export.broken:
        raise HistoryBroken.because(export.broken)
    return export


def trouble_ahead(without_heads: str = "") -> str:
    """What can be seen without reading the history that would break an export; "" where nothing can."""
    found = tails.Tails.look()
    trouble = tails.triggers_missing() or HistoryReading(without_heads=without_heads).heads_trouble(found)
    if trouble or found.stored is None:
        return trouble
    try:
        tails.require_fitting(found.stored)
    except HistoryBroken as error:
        return str(error)
    return ""


def _now() -> str:
    return chain.moment(timezone.now())
