"""Entries as the chain and an export have them: one dictionary of plain values each, in the order of numbers."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from portal.audit import chain
from portal.models import AuditEntry

AT_ONCE = 2000


def as_dict(entry: AuditEntry) -> dict[str, Any]:
    """Every field, the moment as text."""
    fields = {name: getattr(entry, name) for name in (*chain.COVERED, "hash")}
    return {**fields, "at": chain.moment(entry.at)}


def read(entries: QuerySet[AuditEntry] | None = None) -> Iterator[dict[str, Any]]:
    """The entries in the order of numbers, however many, without holding all in memory."""
    chosen = AuditEntry.objects.all() if entries is None else entries
    return (as_dict(entry) for entry in chosen.order_by("number").iterator(chunk_size=AT_ONCE))
