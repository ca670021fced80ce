"""Asking for a rollout in the browser."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from environments.access import permitted
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases import actions, strategies
from releases.actions.request import RECOMMENDED
from releases.errors import Unacceptable
from releases.models import Release
from releases.pages.settings_field import EXAMPLE, SettingsField
from releases.recommending import Recommendation, recommend, traits_of
from releases.states import InvalidTransition

REFUSALS = (InvalidTransition, PermissionDenied, Unacceptable)
REASON_NEEDED = "{title} is recommended here. Say why it is to be another way: it is kept with the rollout."


class RolloutRequest(forms.Form):
    """What to roll out, where to and how. Every field can stand in the address."""

    release = forms.ModelChoiceField(Release.objects.none(), empty_label="Choose a release")
    environment = forms.ModelChoiceField(
        Environment.objects.none(), to_field_name="name", empty_label="Choose an environment"
    )
    strategy = forms.ChoiceField(required=False, initial=RECOMMENDED)
    parameters = SettingsField(
        required=False,
        label="Settings of the strategy",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": EXAMPLE, "class": "mono"}),
    )
    strategy_reason = forms.CharField(
        required=False, max_length=2000, label="Why another strategy than the recommended one"
    )
    comment = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, actor: Actor, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        places = [place.pk for place in permitted(actor, Verb.REQUEST)]
        self.fields["release"].queryset = Release.objects.select_related("application")  # type: ignore[attr-defined]
        self.fields["environment"].queryset = Environment.objects.filter(pk__in=places)  # type: ignore[attr-defined]
        names = [(name, strategies.find(name).title) for name in strategies.names()]
        ways = [(RECOMMENDED, "As recommended"), ("", "As the application says"), *names]
        self.fields["strategy"].choices = ways  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The settings have to fit the strategy, and one other than the recommended one needs its reason."""
        found: dict[str, Any] = super().clean() or {}
        advice = self.advice()
        if advice and "strategy" in found:
            way = advice.strategy if found["strategy"] == RECOMMENDED else found["strategy"]
            way = way or found["release"].application.strategy
            self._check_settings(way, found.get("parameters") or {})
            if way != advice.strategy and not found.get("strategy_reason"):
                title = strategies.find(advice.strategy).title
                self.add_error("strategy_reason", REASON_NEEDED.format(title=title))
        return found

    def _check_settings(self, way: str, given: dict[str, Any]) -> None:
        try:
            strategies.find(way).check(given)
        except ValueError as error:
            self.add_error("parameters", str(error))

    def advice(self) -> Recommendation | None:
        """What is recommended for the release in the environment; None before both are known."""
        release, place = self._chosen("release"), self._chosen("environment")
        return recommend(traits_of(release, place)) if release and place else None

    def _chosen(self, name: str) -> Any:
        field = self.fields[name]
        value = self.data.get(name) if self.is_bound else self.initial.get(name)
        try:
            return field.clean(value)
        except forms.ValidationError:
            return None


@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The form, filled from the address; POST asks and leads to the rollout."""
    actor = Actor.of(request.user)
    if not permitted(actor, Verb.REQUEST):
        raise PermissionDenied("Asking for a rollout takes the role developer, approver or operator in an environment.")
    form = RolloutRequest(actor, request.POST or None, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            rollout = actions.request(
                actor,
                chosen["release"],
                chosen["environment"],
                strategy=chosen["strategy"],
                parameters=chosen["parameters"] or {},
                strategy_reason=chosen["strategy_reason"],
                reason=chosen["comment"],
            )
            return redirect("rollout", pk=rollout.pk)
        except REFUSALS as refusal:
            form.add_error(None, str(refusal))
    ways = [strategies.find(name) for name in strategies.names()]
    advice = form.advice()
    title = strategies.find(advice.strategy).title if advice else ""
    context = {"page": "rollouts", "form": form, "advice": advice, "advised": title, "ways": ways}
    return render(request, "ask.html", context)
