"""Taking in what already runs: first what would be read, then the bundle, the release and the first plan."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from environments.access import environment_for
from environments.clusters import ConnectError
from environments.importing.survey import Selection
from environments.kube.api.errors import KubeError
from environments.manifests.errors import BundleError
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases import actions, importing
from releases.errors import Unacceptable

REFUSALS = (PermissionDenied, Unacceptable, BundleError, ConnectError, KubeError)


class ImportForm(forms.Form):
    """What to read, and what to call it."""

    application = forms.CharField(label="Application", max_length=60, help_text="Its name here; it may be new.")
    namespace = forms.CharField(label="Namespace", max_length=63, help_text="Where it runs.")
    labels = forms.CharField(
        label="Only with labels", required=False, max_length=300, help_text="A label selector: app=web,tier!=test."
    )
    helm_release = forms.CharField(
        label="Only of Helm's release", required=False, max_length=53, help_text="As helm list names it."
    )
    owner = forms.CharField(
        label="Only of an owner", required=False, max_length=320, help_text="Kind and name: Platform/shop."
    )
    version = forms.CharField(
        label="Version", required=False, max_length=128, help_text="Empty: the tag that all images have."
    )

    @property
    def selection(self) -> Selection:
        given = self.cleaned_data
        return Selection(given["labels"], given["helm_release"], given["owner"])


@login_required
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, name: str) -> HttpResponse:
    """The form; POST reads, and with `take_in` also makes the bundle and the release."""
    actor = Actor.of(request.user)
    environment = environment_for(actor, Verb.CONFIGURE, name)
    form = ImportForm(request.POST or None)
    context: dict[str, Any] = {"page": "environments", "environment": environment, "form": form}
    context["why_not"] = str(actions.why_not_current(actor) or "")
    if form.is_valid():
        context |= _outcome(actor, environment, form, take_in="take_in" in request.POST)
    return render(request, "import.html", context)


def _outcome(actor: Actor, environment: Environment, form: ImportForm, *, take_in: bool) -> dict[str, Any]:
    given = form.cleaned_data
    try:
        read = importing.read(
            actor, environment, given["application"], given["namespace"], form.selection, given["version"]
        )
        if take_in:
            return {"read": read, "taken": importing.take_in(actor, read)}
    except REFUSALS as refusal:
        return {"problem": str(refusal)}
    return {"read": read}
