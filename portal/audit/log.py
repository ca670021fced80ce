"""Writing the history: one entry at a time, in the transaction of the change that it tells."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from portal.actors import Actor
from portal.audit import chain
from portal.models import AuditEntry

# Any number that nothing else in the database locks by.
ADVISORY_LOCK = 0x51_1F_3A_0D


def record(
    verb: str,
    target: Model,
    data: Mapping[str, Any] | None = None,
    *,
    actor: Actor,
    environment: str = "",
    application: str = "",
) -> AuditEntry:
    """Appends an entry: what (`rollout.approved`), to what, by whom, with names as they are now.

    Call it inside the transaction of the change, after its other locks are taken: appends are one at a time
    until that transaction ends. RuntimeError where there is no transaction.
    """
    serialise()
    number, previous = AuditEntry.objects.order_by("-number").values_list("number", "hash").first() or (0, "")
    fields = {
        "number": number + 1,
        "actor": _text(actor.name, 200),
        "actor_kind": actor.kind,
        "verb": verb,
        "target_type": target._meta.label_lower,
        "target_id": _text(target.pk, 80),
        "target": _text(target, 300),
        "environment": _text(environment, 40),
        "application": _text(application, 60),
        "data": chain.plain(data or {}),
        "previous_hash": previous,
    }
    at = timezone.now()
    digest = chain.hash_of({**fields, "at": chain.moment(at)})
    return AuditEntry.objects.create(**fields, at=at, hash=digest)


def _text(value: object, length: int) -> str:
    return str(chain.plain(str(value)))[:length]


def serialise() -> None:
    """Lets nobody else append, to the history or its heads, until this transaction ends."""
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record has to be called inside the transaction of the change that it tells.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
