"""Passes of a kind of work in the test's own process, as the loop and a worker do them."""

from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.orchestration import work
from portal.orchestration.leases import Leased
from portal.orchestration.loop import batches


def pass_over_due(name: str) -> int:
    """Leases what is due of a kind of work and passes over it; how many rows."""
    kind = next(kind for kind in work.passes() if kind.name == name)
    with transaction.atomic():
        tickets = kind.leases.lease(timezone.now(), 100, kind.group)
    for ids, ticket in batches(tickets, kind.batch):
        import_string(kind.path)(",".join(map(str, ids)), ticket)
    return len(tickets)


def pass_over(name: str, row: Leased) -> None:
    """One pass over a row, whenever it is due; none where it is not worked on any more."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.update(due_at=timezone.now())
    pass_over_due(name)
