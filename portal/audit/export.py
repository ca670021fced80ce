"""An export: a line of JSON for each entry, then the signed head. scripts/verify_audit.py verifies one."""

import json
from collections.abc import Iterator
from pathlib import Path

from django.db.models import QuerySet
from django.utils import timezone

from portal.audit import chain, rows
from portal.audit.heads import Head
from portal.models import AuditEntry


def between(first: int | None = None, last: int | None = None) -> QuerySet[AuditEntry]:
    """The entries from one number to another, both included; None: no limit."""
    entries = AuditEntry.objects.all()
    if first is not None:
        entries = entries.filter(number__gte=first)
    return entries if last is None else entries.filter(number__lte=last)


def export_lines(first: int | None = None, last: int | None = None) -> Iterator[str]:
    """Each line with its newline: the entries of a range of numbers, then head, key and signature."""
    head = Head(0, "", chain.moment(timezone.now()), first or 1)
    for entry in rows.read(between(first, last)):
        if not head.hash:
            head = Head(0, "", head.at, entry["number"], entry["previous_hash"])
        head = Head(entry["number"], entry["hash"], head.at, head.first, head.previous_hash)
        yield json.dumps(entry, ensure_ascii=False) + "\n"
    yield json.dumps(head.signed()) + "\n"


def write_export(path: Path, first: int | None = None, last: int | None = None) -> int:
    """Writes an export to a file that it creates anew; how many entries. FileExistsError where there is one."""
    count = -1
    with path.open("x", encoding="utf-8") as file:
        for line in export_lines(first, last):
            file.write(line)
            count += 1
    return count
