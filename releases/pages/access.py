"""Who may look at a rollout."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from environments.access import may
from portal.actors import Actor
from portal.roles import Verb
from releases.models import Rollout


def visible_rollout(actor: Actor, pk: int) -> Rollout:
    """The rollout, where the actor may see its environment; Http404 or PermissionDenied."""
    rollout = (
        Rollout.objects.select_related("release", "application", "environment__cluster", "previous__release")
        .filter(pk=pk)
        .first()
    )
    if rollout is None:
        raise Http404(f"There is no rollout {pk}.")
    if not may(actor, Verb.VIEW, rollout.environment):
        raise PermissionDenied(f"You have no role in {rollout.environment}. An administrator can grant one.")
    return rollout
