"""The history for auditors: every audit entry, filtered by the address, with the proof that it is whole."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from portal import audit
from portal.actors import Actor
from portal.models import AuditEntry
from portal.pages import render_live
from releases.models import Rollout
from releases.pages.rollout import with_words
from releases.visibility import may_audit_all, visible_entries

PAGE = 100
# A rollout has a dozen steps: they drown what people did.
NO_STORE = {"Cache-Control": "no-store"}
STEPS = Q(verb__startswith="rollout.step-")


class HistoryFilters(forms.Form):
    """What the history is filtered by; each is a parameter of the address."""

    q = forms.CharField(required=False, label="Text", widget=forms.TextInput(attrs={"type": "search"}))
    actor = forms.CharField(required=False, label="Who")
    verb = forms.CharField(required=False, label="What")
    application = forms.CharField(required=False)
    environment = forms.CharField(required=False)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    to = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    rollout = forms.IntegerField(required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"}))
    steps = forms.BooleanField(required=False, label="Steps too")


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """The entries that this person may read, newest first."""
    actor = Actor.of(request.user)
    filters = HistoryFilters(request.GET or None)
    found, auditor = visible_entries(actor).order_by("-number"), may_audit_all(actor)
    if filters.is_bound:
        found = _filtered(found, filters.cleaned_data) if filters.is_valid() else found.none()
    else:
        found = found.exclude(STEPS)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    parameters = request.GET.copy()
    parameters.pop("page", None)
    context = {
        "page": "history",
        "filters": filters,
        "entries": page,
        "rows": [with_words(entry) for entry in page],
        "query": parameters.urlencode(),
        "may_audit": auditor,
        "verification": audit.verify_newest() if request.GET.get("verify") and auditor else None,
        "trouble": audit.trouble() if auditor else "",
    }
    return render_live(request, "history.html", context)


@login_required
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The whole chain with its signed head, as `manage.py audit export` writes it; 409 where it cannot be signed.

    What is found broken only while it is sent ends the export with a line that names it, unsigned.
    """
    if not may_audit_all(Actor.of(request.user)):
        raise PermissionDenied("Exporting the history takes the role auditor in every environment.")
    without_heads = request.GET.get("without-heads", "").strip()
    if trouble := audit.trouble_ahead(without_heads):
        words = f"The history is not exported: its end could not be signed.\n\n{trouble}\n"
        return HttpResponse(words, status=409, content_type="text/plain; charset=utf-8", headers=NO_STORE)
    lines = audit.Export(without_heads=without_heads).lines()
    answer = StreamingHttpResponse(lines, content_type="application/jsonl", headers=NO_STORE)
    answer["Content-Disposition"] = 'attachment; filename="slipway-audit.jsonl"'
    return answer


def _filtered(found: QuerySet[AuditEntry], chosen: dict[str, object]) -> QuerySet[AuditEntry]:
    lookups = {
        "actor": "actor__icontains",
        "verb": "verb__icontains",
        "application": "application",
        "environment": "environment",
        "since": "at__date__gte",
        "to": "at__date__lte",
    }
    found = found.filter(**{lookup: chosen[name] for name, lookup in lookups.items() if chosen[name]})
    if not (chosen["steps"] or chosen["verb"] or chosen["rollout"]):
        found = found.exclude(STEPS)
    if chosen["rollout"]:
        found = found.filter(target_type=Rollout._meta.label_lower, target_id=str(chosen["rollout"]))
    if chosen["q"]:
        text = chosen["q"]
        found = found.filter(Q(target__icontains=text) | Q(actor__icontains=text) | Q(verb__icontains=text))
    return found
