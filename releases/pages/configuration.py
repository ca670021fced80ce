"""What an environment's configuration will be for an application, and which layer each value comes from."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from environments.access import environment_for
from environments.manifests.errors import BundleError
from portal.actors import Actor
from portal.roles import Verb
from releases.configuration import preview_configuration
from releases.models import Application
from releases.visibility import visible_applications


@login_required
def first(request: HttpRequest, name: str) -> HttpResponse:
    """The first application's; where there is none yet, the environment."""
    actor = Actor.of(request.user)
    environment_for(actor, Verb.VIEW, name)
    application = visible_applications(actor).first()
    if application is None:
        return redirect("environment", name=name)
    return redirect("configuration", name=name, application=application.name)


@login_required
def show(request: HttpRequest, name: str, application: str) -> HttpResponse:
    """The entries of every ConfigMap and Secret of the application's current bundle, as a rollout would apply them."""
    environment = environment_for(Actor.of(request.user), Verb.VIEW, name)
    chosen = get_object_or_404(Application.objects.select_related("bundle"), name=application)
    context = {"page": "environments", "environment": environment, "application": chosen}
    try:
        if chosen.bundle:
            context["configured"] = preview_configuration(environment, chosen, chosen.bundle)
    except BundleError as error:
        context["problem"] = error.words
    context["applications"] = Application.objects.all()
    return render(request, "configuration.html", context)
