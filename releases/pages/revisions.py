"""What an application was in an environment: its revisions, two of them side by side, and the way back to one."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from environments.access import environment_for, may
from portal.actors import Actor
from portal.roles import Verb
from releases.models import Application
from releases.pages.changes import change_rows, count_words
from releases.revisions import Revision, between, revisions, span


@login_required
def show(request: HttpRequest, application: str, environment: str) -> HttpResponse:
    """The table; `?from=2&to=5` shows what changed between two."""
    actor = Actor.of(request.user)
    place = environment_for(actor, Verb.VIEW, environment)
    found = get_object_or_404(Application, name=application)
    rows = revisions(found, place)
    context = {
        "page": "rollouts",
        "application": found,
        "environment": place,
        "revisions": rows,
        "may_undo": may(actor, Verb.ROLLBACK, place),
        **_compared(request, rows),
    }
    return render(request, "revisions.html", context)


def _compared(request: HttpRequest, rows: list[Revision]) -> dict[str, Any]:
    """The two that are held against each other: those of the address, else the newest and the one before it."""
    if len(rows) < 2:
        return {}
    before = _named(request, "from", rows) or rows[1]
    after = _named(request, "to", rows) or rows[0]
    plan = between(before, after)
    changed = [row for row in change_rows(plan) if row.action != "unchanged"]
    unchanged = [row for row in change_rows(plan) if row.action == "unchanged"]
    return {
        "before": before,
        "after": after,
        "changes": changed,
        "unchanged": unchanged,
        "counts": count_words(plan),
        "title": f"What changed from revision {before.number} to {after.number}",
    }


def _named(request: HttpRequest, side: str, rows: list[Revision]) -> Revision | None:
    text = request.GET.get(side, "")
    if not text:
        return None
    found = next((row for row in rows if str(row.number) == text), None)
    if found is None:
        raise Http404(f"There is no revision {text!r}; {span(rows)}.")
    return found
