"""The environments: their rules, their cluster's state, and their own layer of configuration."""

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from environments.access import environment_for, may, roles_of, visible
from environments.kube.api.access import Access
from environments.kube.api.credential_expiry import expires_at
from environments.models import Cluster, Grant
from portal.actors import Actor
from portal.pages import render_live
from portal.roles import ALLOWED, Role, Verb


@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The environments in their order of promotion."""
    return render_live(
        request, "environments.html", {"page": "environments", "environments": visible(Actor.of(request.user))}
    )


@login_required
def show(request: HttpRequest, name: str) -> HttpResponse:
    """One environment; values that are sensitive are never shown."""
    actor = Actor.of(request.user)
    environment = environment_for(actor, Verb.VIEW, name)
    context = {
        "page": "environments",
        "environment": environment,
        "entries": environment.configuration.all(),
        "credential_ends": _credential_end(environment.cluster),
        "grants": Grant.objects.filter(environment=environment).select_related("user", "group"),
        "may_import": may(actor, Verb.CONFIGURE, environment),
        "roles": sorted(roles_of(actor, environment)),
        "table": [(role.label, [verb.label for verb in Verb if verb in ALLOWED[role]]) for role in Role],
    }
    return render_live(request, "environment.html", context)


def _credential_end(cluster: Cluster) -> datetime | None:
    return expires_at(Access.from_json(str(cluster.access))) if cluster.access else None
