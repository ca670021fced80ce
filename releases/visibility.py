"""What somebody may look at, the same in pages and API.

Rollouts are their environment's. Applications and releases belong to no environment: whoever has a role in any
sees them, and an outsider does not learn of them.
"""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from environments.access import may, permitted, sees_all, visible
from environments.models import Environment
from portal.actors import Actor
from portal.models import AuditEntry
from portal.roles import Verb
from portal.steps.state import outputs_of
from releases.engine.program_output import said_of
from releases.models import Application, Release, Rollout, Step


def visible_rollouts(actor: Actor) -> QuerySet[Rollout]:
    """Those of the environments that the actor sees, with what lists show of them."""
    return _related(Rollout.objects.filter(environment__in=visible(actor)))


def visible_rollout(actor: Actor, pk: int) -> Rollout:
    """The rollout, where the actor sees its environment.

    Who sees not all environments is told the same of one that is hidden and of one that is not there.
    """
    found = visible_rollouts(actor).filter(pk=pk).first()
    if found is None and sees_all(actor):
        raise Http404(f"There is no rollout {pk}.")
    if found is None:
        raise PermissionDenied(
            f"Rollout {pk} is not there, or in an environment that {actor.name} may not see, by role or by scope."
        )
    return found


def said_to(actor: Actor, rollout: Rollout) -> str:
    """What programs wrote and answered, now or in the last step that failed; "" for who may not read logs there."""
    if not may(actor, Verb.LOGS, rollout.environment):
        return ""
    now = said_of(outputs_of(rollout.state))
    failed = Step.objects.filter(rollout=rollout, state=Step.State.FAILED).order_by("-finished_at").first()
    return now if now and not rollout.ended else (failed.said if failed else "")


def visible_applications(actor: Actor) -> QuerySet[Application]:
    """All of them, or none for an outsider."""
    return Application.objects.all() if is_inside(actor) else Application.objects.none()


def visible_releases(actor: Actor) -> QuerySet[Release]:
    """All of them, or none for an outsider."""
    found = Release.objects.select_related("application", "bundle")
    return found if is_inside(actor) else found.none()


def is_inside(actor: Actor) -> bool:
    """Whether the actor may see, or ask for, anything anywhere."""
    return bool(visible(actor) or permitted(actor, Verb.REQUEST))


def require_inside(actor: Actor) -> None:
    """PermissionDenied for an outsider, the same whether what they asked for is there or not."""
    if not is_inside(actor):
        raise PermissionDenied(f"{actor.name} has no role in any environment. An administrator can grant one.")


def visible_entries(actor: Actor) -> QuerySet[AuditEntry]:
    """The history of the environments that the actor sees; auditors read also what is of no environment."""
    if may_audit_all(actor):
        return AuditEntry.objects.all()
    names = {place.name for place in [*visible(actor), *permitted(actor, Verb.AUDIT)]}
    return AuditEntry.objects.filter(environment__in=names | ({""} if may_audit(actor) else set()))


def may_audit(actor: Actor) -> bool:
    """Whether the actor audits some environment."""
    return bool(permitted(actor, Verb.AUDIT))


def may_audit_all(actor: Actor) -> bool:
    """Whether the actor audits every environment there is: the chain as a whole tells of all of them."""
    return may_audit(actor) and len(permitted(actor, Verb.AUDIT)) == Environment.objects.count()


def _related(found: QuerySet[Rollout]) -> QuerySet[Rollout]:
    return found.select_related("release__application", "application", "environment__cluster", "previous__release")
