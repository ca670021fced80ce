"""What stands in the frame of every page."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.actors import Actor
from releases.queries import needs_approval_of


def waiting(request: HttpRequest) -> dict[str, object]:
    """`approvals_waiting`: how many rollouts wait for this person. Asked only where a template shows it."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    actor = Actor.of(request.user)
    return {"approvals_waiting": SimpleLazyObject(lambda: len(needs_approval_of(actor)))}
