"""The bundles of an application, and which of them releases without one of their own take."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from portal.actors import Actor
from releases import actions
from releases.errors import Unacceptable
from releases.makers import Maker, people
from releases.models import Application, Bundle, Release
from releases.visibility import require_inside

MOST = 50
MOST_RELEASES = 6


@login_required
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, name: str) -> HttpResponse:
    """The newest bundles; POST makes the chosen one the current one."""
    actor = Actor.of(request.user)
    require_inside(actor)
    application = get_object_or_404(Application.objects.select_related("bundle"), name=name)
    if request.method == "POST":
        _make_current(request, actor, application)
        return redirect("bundles", name=name)
    context = {
        "page": "rollouts",
        "application": application,
        "bundles": [(each, people(map(Maker.from_json, each.makers))) for each in _newest(application)],
        "chosen": request.GET.get("digest", ""),
        "why_not": str(actions.why_not_current(actor) or ""),
    }
    return render(request, "bundles.html", context)


def _newest(application: Application) -> list[Bundle]:
    """Each with its newest releases."""
    releases = Prefetch("releases", Release.objects.order_by("-pk")[:MOST_RELEASES], to_attr="newest_releases")
    return list(application.bundles.order_by("-created_at", "digest").prefetch_related(releases)[:MOST])


def _make_current(request: HttpRequest, actor: Actor, application: Application) -> None:
    bundle = application.bundles.filter(pk=request.POST.get("digest", "")).first()
    if bundle is None:
        messages.error(request, "Choose one of the bundles.")
        return
    try:
        actions.make_current(actor, bundle, request.POST.get("comment", ""))
    except (PermissionDenied, Unacceptable) as refusal:
        messages.error(request, str(refusal))
        return
    messages.success(request, f"{bundle} is the current bundle of {application}.")
