"""Every rollout, newest first, with filters that stand in the address."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from environments.access import visible
from environments.models import Environment
from portal.actors import Actor
from portal.pages import render_live
from releases.models import Application, Rollout
from releases.states import Phase
from releases.visibility import visible_applications, visible_rollouts

PAGE = 50


class RolloutFilters(forms.Form):
    """What a person may filter rollouts by; each is a parameter of the address."""

    application = forms.ModelChoiceField(
        Application.objects.none(), to_field_name="name", required=False, empty_label="Every application"
    )
    environment = forms.ModelChoiceField(
        Environment.objects.none(), to_field_name="name", required=False, empty_label="Every environment"
    )
    phase = forms.ChoiceField(
        choices=[("", "Every phase"), *((phase.value, phase.value.capitalize()) for phase in Phase)], required=False
    )
    by = forms.CharField(required=False, label="Requested by")
    version = forms.CharField(required=False)

    def __init__(self, actor: Actor, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        places = [place.pk for place in visible(actor)]
        self.fields["application"].queryset = visible_applications(actor)  # type: ignore[attr-defined]
        self.fields["environment"].queryset = Environment.objects.filter(pk__in=places)  # type: ignore[attr-defined]


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """The list; an unknown filter value is told, and shows nothing rather than all."""
    actor = Actor.of(request.user)
    filters, found = RolloutFilters(actor, request.GET or None), visible_rollouts(actor)
    if filters.is_bound:
        found = _filtered(found, filters) if filters.is_valid() else found.none()
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {"page": "rollouts", "filters": filters, "rollouts": page, "query": _query(request)}
    return render_live(request, "rollouts.html", context)


def _filtered(found: QuerySet[Rollout], filters: RolloutFilters) -> QuerySet[Rollout]:
    chosen = filters.cleaned_data
    exact = {name: chosen[name] for name in ("application", "environment", "phase") if chosen[name]}
    if chosen["by"]:
        exact["requested_by__icontains"] = chosen["by"]
    if chosen["version"]:
        exact["release__version__icontains"] = chosen["version"]
    return found.filter(**exact)


def _query(request: HttpRequest) -> str:
    """The filters without the page, for the links to other pages."""
    parameters = request.GET.copy()
    parameters.pop("page", None)
    return parameters.urlencode()
