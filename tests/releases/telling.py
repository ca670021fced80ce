"""Changes of rows that the history vouches for, with their entries: what the admin and the orchestrator would write."""

from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model

from portal import audit
from portal.actors import SYSTEM
from portal.audit.vouching import with_row
from releases.audit_entries import entry
from releases.models import Rollout

AnyRow = TypeVar("AnyRow", bound=Model)


def tell(row: AnyRow, **changes: Any) -> AnyRow:
    """The row with these fields changed, saved and told of."""
    for name, value in changes.items():
        setattr(row, name, value)
    with transaction.atomic():
        row.save()
        if isinstance(row, Rollout):
            entry(row, "rollout.changed")
        else:
            audit.record(f"{row._meta.model_name}.changed", row, with_row(row), actor=SYSTEM)
    return row
