"""Asking for a rollout in the browser: a release into an environment, or an earlier one back."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from environments.access import permitted
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases import actions
from releases.errors import Unacceptable
from releases.models import Release
from releases.rollout import strategies
from releases.states import InvalidTransition
from releases.visibility import visible_rollout

REFUSALS = (InvalidTransition, PermissionDenied, Unacceptable)


class Request(forms.Form):
    """What to roll out, where to and how. The release and the environment can stand in the address."""

    release = forms.ModelChoiceField(Release.objects.none(), empty_label="Choose a release")
    environment = forms.ModelChoiceField(
        Environment.objects.none(), to_field_name="name", empty_label="Choose an environment"
    )
    strategy = forms.ChoiceField(required=False)
    comment = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, actor: Actor, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        places = [place.pk for place in permitted(actor, Verb.REQUEST)]
        self.fields["release"].queryset = Release.objects.select_related("application")  # type: ignore[attr-defined]
        self.fields["environment"].queryset = Environment.objects.filter(pk__in=places)  # type: ignore[attr-defined]
        names = [(name, name.capitalize()) for name in strategies.names()]
        self.fields["strategy"].choices = [("", "As the application says"), *names]  # type: ignore[attr-defined]


@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The form, filled from the address; POST asks and leads to the rollout."""
    actor = Actor.of(request.user)
    if not permitted(actor, Verb.REQUEST):
        raise PermissionDenied("Asking for a rollout takes the role developer, approver or operator in an environment.")
    form = Request(actor, request.POST or None, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            rollout = actions.request(
                actor,
                chosen["release"],
                chosen["environment"],
                strategy=chosen["strategy"],
                reason=chosen["comment"],
            )
            return redirect("rollout", pk=rollout.pk)
        except REFUSALS as refusal:
            form.add_error(None, str(refusal))
    return render(request, "ask.html", {"page": "rollouts", "form": form})


@login_required
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for what that earlier rollout had applied, as it was stored; leads to the new rollout."""
    actor = Actor.of(request.user)
    earlier = visible_rollout(actor, pk)
    try:
        made = actions.undo(
            actor, earlier.application, earlier.environment, earlier, reason=request.POST.get("comment", "")
        )
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
        return redirect("rollout", pk=pk)
    return redirect("rollout", pk=made.pk)
