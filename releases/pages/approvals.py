"""What waits for somebody's word: for this person first, then for others."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from environments.access import roles_everywhere
from portal.actors import Actor
from portal.pages import render_live
from portal.roles import Role
from releases import actions
from releases.approvals.standing import standings, told
from releases.models import Rollout
from releases.pages.changes import change_rows, count_words
from releases.plan.store import plans_of
from releases.queries import awaiting_approval
from releases.vote_counting import Standing


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """The list; `?rollout=` opens one of them with all that a decision needs."""
    actor = Actor.of(request.user)
    waiting, roles = awaiting_approval(actor), roles_everywhere(actor)
    plans = plans_of(waiting)
    votes = standings(waiting)
    items = [_request(actor, each, roles.get(each.environment_id), plans[each.pk], votes[each.pk]) for each in waiting]
    context = {
        "page": "approvals",
        "mine": [item for item in items if item["own"]],
        "others": [item for item in items if not item["own"]],
    }
    return render_live(request, "approvals.html", context)


def _request(
    actor: Actor,
    rollout: Rollout,
    roles: frozenset[Role] | None,
    made: Mapping[str, Any] | None,
    votes: Standing,
) -> dict[str, object]:
    plan = made or {"changes": [], "risks": []}
    offers = [actions.offer(actor, rollout, verb, roles) for verb in ("approve", "reject")]
    return {
        "own": offers[0].allowed,
        "rollout": rollout,
        "risks": plan["risks"],
        "restores": bool(plan.get("back", {}).get("found")),
        "counts": count_words(plan),
        "changed": [row for row in change_rows(plan) if row.action != "unchanged"],
        "offers": offers,
        "standing": votes,
        "votes": told([vote for vote in rollout.approvals.all() if vote.revoked_at is None], votes),
    }
