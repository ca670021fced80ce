"""The history for programs."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Router

from environments.access import permitted
from portal.models import AuditEntry
from portal.roles import Verb
from releases.api.releases import actor_of
from releases.api.shapes import AuditOut

router = Router(tags=["audit"])


@router.get("/audit", response=list[AuditOut])
def list_entries(
    request: HttpRequest, after: int = 0, limit: int = 100, verb: str = "", environment: str = "", application: str = ""
) -> list[AuditEntry]:
    """The entries after a number, oldest first, for who may audit; page on with the last number."""
    if not permitted(actor_of(request), Verb.AUDIT):
        raise PermissionDenied("Reading the history takes the role auditor in an environment.")
    wanted = {"verb": verb, "environment": environment, "application": application}
    found = AuditEntry.objects.filter(number__gt=after, **{name: value for name, value in wanted.items() if value})
    return list(found.order_by("number")[: max(1, min(limit, 1000))])
