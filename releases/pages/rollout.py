"""One rollout: its steps, workloads, changes and approvals, and the buttons of the person who looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import Truncator
from django.views.decorators.http import require_http_methods

from portal.actors import Actor
from portal.models import AuditEntry
from portal.pages import render_live
from releases import actions
from releases.approvals.standing import standing, told
from releases.errors import Unacceptable
from releases.lifecycle import running_release
from releases.makers import people
from releases.models import Approval, Rollout, Step
from releases.pages.changes import change_rows, count_words
from releases.pages.evidence import traffic_of
from releases.pages.policies import policies_beside
from releases.pages.workloads import workload_rows
from releases.plan.store import load_plan, plan_of
from releases.queries import progress_of
from releases.revisions import compare
from releases.states import InvalidTransition
from releases.visibility import said_to, visible_rollout

TABS: dict[str, str] = {
    "now": "Now",
    "changes": "Changes",
    "approvals": "Approvals",
    "activity": "Activity",
    "release": "Release",
}

# What entries carry for the portal itself, and values that tell nothing.
UNTOLD = frozenset({"row", "vote", "votes", "void"})
NOTHING: tuple[object, ...] = ("", None, [], {})


@login_required
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of one rollout; `?tab=` chooses what stands beside the steps."""
    actor = Actor.of(request.user)
    rollout = visible_rollout(actor, pk)
    tab = request.GET.get("tab") or default_tab(rollout)
    if tab not in TABS:
        raise Http404(f"A rollout has no tab {tab!r}.")
    offers = actions.available(actor, rollout)
    context = {
        "page": "rollouts",
        "rollout": rollout,
        "offers": offers,
        "denied": [offer for offer in offers if not offer.allowed and offer.why_not],
        **_course(rollout),
        "said": said_to(actor, rollout),
        "progress": progress_of(rollout),
        "approvers": _approvers(rollout),
        "trouble": rollout.environment.cluster.trouble if not rollout.ended else "",
        "tab": tab,
        "tabs": list(TABS.items()),
        **TAB_CONTEXTS[tab](rollout, plan_of(rollout)),
    }
    return render_live(request, "rollout.html", context)


def default_tab(rollout: Rollout) -> str:
    """Before the start a person reads the changes, afterwards the workloads."""
    return "now" if rollout.started_at else "changes"


def _steps(rollout: Rollout) -> list[Step]:
    # The way there first, the way back after it.
    return sorted(Step.objects.filter(rollout=rollout), key=lambda step: (step.track != "forward", step.index))


@dataclass(frozen=True)
class Run:
    """Steps that stand together in the list; `folded` for those that it never came to."""

    track: str
    folded: bool
    steps: tuple[Step, ...]


def _course(rollout: Rollout) -> dict[str, Any]:
    """The steps as the page shows them, and the one of the way there that failed."""
    steps = _steps(rollout)
    grouped = groupby(steps, key=lambda step: (step.track, step.state == Step.State.SKIPPED and not step.started_at))
    found = [(track, left, tuple(run)) for (track, left), run in grouped]
    failed = [step for step in steps if step.track == "forward" and step.state == Step.State.FAILED]
    return {
        "step_runs": [Run(track, left and len(run) > 1, run) for track, left, run in found],
        "failure": failed[-1] if failed else None,
    }


def _now(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, Any]:
    rows, seen = workload_rows(rollout, plan)
    beside = {**traffic_of(rollout, plan), **policies_beside(rollout, plan)}
    return {"workloads": rows, "seen": seen, "plan": plan, **beside}


def _changes(_rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, Any]:
    if plan is None:
        return {"changes": [], "risks": [], "counts": ""}
    rows = change_rows(plan)
    return {
        "changes": [row for row in rows if row.action != "unchanged"],
        "unchanged": [row for row in rows if row.action == "unchanged"],
        "risks": plan["risks"],
        "counts": count_words(plan),
    }


def _approvers(rollout: Rollout) -> list[str]:
    standing_votes = Approval.objects.filter(rollout=rollout, revoked_at=None)
    return list(standing_votes.filter(decision=Approval.Decision.APPROVED).values_list("name", flat=True))


def _approvals(rollout: Rollout, _plan: Mapping[str, Any] | None) -> dict[str, Any]:
    votes = standing(rollout)
    return {"standing": votes, "votes": told(Approval.objects.filter(rollout=rollout), votes)}


def _activity(rollout: Rollout, _plan: Mapping[str, Any] | None) -> dict[str, Any]:
    entries = AuditEntry.objects.filter(target_type=Rollout._meta.label_lower, target_id=str(rollout.pk))
    return {"entries": [with_words(entry) for entry in entries.order_by("-number")[:200]]}


def _release(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, Any]:
    images = (plan or {}).get("images") or rollout.release.images
    return {"images": images, "made_by": people(rollout.release.made_by)}


TAB_CONTEXTS: dict[str, Callable[[Rollout, Mapping[str, Any] | None], dict[str, Any]]] = {
    "now": _now,
    "changes": _changes,
    "approvals": _approvals,
    "activity": _activity,
    "release": _release,
}


def with_words(entry: AuditEntry) -> AuditEntry:
    """The entry with its data as one short line."""
    parts = [f"{key}: {value}" for key, value in entry.data.items() if key not in UNTOLD and value not in NOTHING]
    entry.words = Truncator(" · ".join(parts)).chars(240)  # type: ignore[attr-defined]
    return entry


@login_required
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """A person's verb: GET asks for the comment (where there is no JavaScript), POST does it."""
    actor = Actor.of(request.user)
    rollout = visible_rollout(actor, pk)
    if not actions.known(verb):
        raise Http404(f"A rollout has no verb {verb!r}.")
    if request.method == "GET":
        offer = actions.offer(actor, rollout, verb)
        context = {"page": "rollouts", "rollout": rollout, "offer": offer, **_to_look_at(rollout, offer)}
        return render(request, "rollout_verb.html", context)
    return redirect("rollout", pk=_perform(request, actor, rollout, verb).pk)


def _to_look_at(rollout: Rollout, offer: actions.Offer) -> dict[str, Any]:
    """What stands beside the question on a page of its own: what runs, and what changes where this comes back."""
    running = running_release(rollout.application_id, rollout.environment_id)
    if not (offer.on_page and offer.allowed and running):
        return {}
    title = f"What changes from {running.release.version}, which runs, to {rollout.release.version}"
    told = compare(load_plan(running), load_plan(rollout))
    return {"running": running, "title": title, **_changes(rollout, {"risks": [], **told})}


def _perform(request: HttpRequest, actor: Actor, rollout: Rollout, verb: str) -> Rollout:
    """The rollout to look at next."""
    comment, digest = request.POST.get("comment", "").strip(), request.POST.get("digest", "")
    try:
        done = actions.perform(verb, actor, rollout, comment=comment, digest=digest)
    except (InvalidTransition, PermissionDenied, Unacceptable) as refusal:
        messages.error(request, str(refusal))
        return rollout
    messages.success(request, done.words)
    return done.rollout
