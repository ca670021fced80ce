"""The history for programs."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Router

from portal.models import AuditEntry
from releases.api.parameters import After, ApplicationFilter, AuditLimit, EnvironmentFilter, VerbFilter
from releases.api.releases import actor_of
from releases.api.shapes import AuditOut
from releases.visibility import may_audit, visible_entries

router = Router(tags=["audit"])


@router.get("/audit", response=list[AuditOut])
def list_entries(
    request: HttpRequest,
    after: After = 0,
    limit: AuditLimit = 100,
    verb: VerbFilter = "",
    environment: EnvironmentFilter = "",
    application: ApplicationFilter = "",
) -> list[AuditEntry]:
    """The entries after a number, oldest first, for who may audit; page on with the last number."""
    actor = actor_of(request)
    if not may_audit(actor):
        raise PermissionDenied("Reading the history takes the role auditor in an environment.")
    wanted = {"verb": verb, "environment": environment, "application": application}
    found = visible_entries(actor).filter(number__gt=after, **{name: value for name, value in wanted.items() if value})
    return list(found.order_by("number")[: max(1, min(limit, 1000))])
