"""What an environment's configuration will be for an application, and which layer each value comes from."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from environments.access import may
from environments.manifests.errors import BundleError
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases.configuration import preview_configuration
from releases.models import Application
from releases.visibility import visible_applications


@login_required
def first(request: HttpRequest, name: str) -> HttpResponse:
    """The first application's; where there is none yet, the environment."""
    application = visible_applications(Actor.of(request.user)).first()
    if application is None:
        return redirect("environment", name=name)
    return redirect("configuration", name=name, application=application.name)


@login_required
def show(request: HttpRequest, name: str, application: str) -> HttpResponse:
    """The entries of every ConfigMap and Secret of the application's current bundle, as a rollout would apply them."""
    environment = get_object_or_404(Environment, name=name)
    if not may(Actor.of(request.user), Verb.VIEW, environment):
        raise PermissionDenied(f"You have no role in {name}. An administrator can grant one.")
    chosen = get_object_or_404(Application.objects.select_related("bundle"), name=application)
    context = {"page": "environments", "environment": environment, "application": chosen}
    try:
        if chosen.bundle:
            context["configured"] = preview_configuration(environment, chosen, chosen.bundle)
    except BundleError as error:
        context["problem"] = error.words
    context["applications"] = Application.objects.all()
    return render(request, "configuration.html", context)
