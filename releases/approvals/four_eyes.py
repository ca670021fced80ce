"""Who may not approve, whatever their role: asked when a vote is cast, and of every vote again at the start."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied

from portal.actors import Actor
from portal.people.voice import why_no_vote
from releases.identity import Identity
from releases.makers import part_of
from releases.models import Rollout


def is_person(actor: Actor, _rollout: Rollout) -> Exception | None:
    why_not = why_no_vote(actor)
    return PermissionDenied(why_not) if why_not else None


def not_requester(actor: Actor, rollout: Rollout) -> Exception | None:
    if actor.user and Identity.of(actor.user).is_same(rollout.asked_by):
        return PermissionDenied("You asked for this rollout; somebody else has to approve it.")
    return None


def not_maker(actor: Actor, rollout: Rollout) -> Exception | None:
    found = part_of(actor, rollout.release.made_by)
    if found is None:
        return None
    return PermissionDenied(f"You {found.did}, as {found.who}; somebody else has to approve this release.")


FOUR_EYES: tuple[Callable[[Actor, Rollout], Exception | None], ...] = (is_person, not_requester, not_maker)
