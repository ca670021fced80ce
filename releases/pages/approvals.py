"""What waits for somebody's word: for this person first, then for others."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from portal.actors import Actor
from portal.pages import render_live
from releases import actions
from releases.models import Rollout
from releases.pages.changes import change_rows, count_words
from releases.summary import awaiting_approval, needs_approval_of, plan_of


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """The list; `?rollout=` opens one of them with all that a decision needs."""
    actor = Actor.of(request.user)
    mine = needs_approval_of(actor)
    others = [rollout for rollout in awaiting_approval(actor) if rollout not in mine]
    context = {
        "page": "approvals",
        "mine": [_request(actor, rollout) for rollout in mine],
        "others": [_request(actor, rollout) for rollout in others],
    }
    return render_live(request, "approvals.html", context)


def _request(actor: Actor, rollout: Rollout) -> dict[str, object]:
    plan = plan_of(rollout) or {"changes": [], "risks": []}
    offers = {offer.verb: offer for offer in actions.available(actor, rollout)}
    return {
        "rollout": rollout,
        "risks": plan["risks"],
        "counts": count_words(plan),
        "changed": [row for row in change_rows(plan) if row.action != "unchanged"],
        "offers": [offer for offer in offers.values() if offer.verb in {"approve", "reject"}],
        "votes": list(rollout.approvals.filter(revoked_at=None)),
    }
