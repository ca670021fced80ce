"""Makes a bundle an application's current one: what every release that comes without a bundle takes from then on."""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from environments.access import require, roles_everywhere
from environments.models import Environment
from portal import audit
from portal.actors import Actor
from portal.roles import Verb
from releases.actions.transaction import checked_comment
from releases.models import Application, Bundle


def make_current(actor: Actor, bundle: Bundle, comment: str = "") -> Application:
    """The application with it; the current one again changes nothing. Raises PermissionDenied and Unacceptable."""
    if found := why_not_current(actor):
        raise found
    said = checked_comment(comment, needed=False)
    with transaction.atomic():
        application = Application.objects.select_for_update().get(pk=bundle.application_id)
        if application.bundle_id == bundle.digest:
            return application
        data = {"bundle": bundle.digest, "before": application.bundle_id or ""} | ({"comment": said} if said else {})
        application.bundle = bundle
        application.save(update_fields=["bundle"])
        audit.record("application.bundle-made-current", application, data, actor=actor, application=application.name)
    return application


def why_not_current(actor: Actor) -> PermissionDenied | None:
    """Why this actor may not: a current bundle goes to every environment, so it takes the right in all of them."""
    roles, places = roles_everywhere(actor), Environment.objects.all()
    try:
        for place in places:
            require(actor, Verb.MAKE_CURRENT, place, roles=roles.get(place.pk, frozenset()))
    except PermissionDenied as denied:
        return denied
    if places or actor.kind == "system" or (actor.user and actor.user.is_superuser):
        return None
    return PermissionDenied("There is no environment yet: only an administrator may make a bundle the current one.")
