"""Who may not approve, whatever their role: asked when a vote is cast, and of every vote again at the start."""

from collections.abc import Callable
from email.utils import parseaddr

from django.core.exceptions import PermissionDenied

from portal.actors import Actor
from portal.people.voice import why_no_vote
from releases.approvals.identity import Identity
from releases.models import Rollout


def is_person(actor: Actor, _rollout: Rollout) -> Exception | None:
    why_not = why_no_vote(actor)
    return PermissionDenied(why_not) if why_not else None


def not_requester(actor: Actor, rollout: Rollout) -> Exception | None:
    if actor.user and Identity.of(actor.user).is_same(rollout.asked_by):
        return PermissionDenied("You asked for this rollout; somebody else has to approve it.")
    return None


def not_author(actor: Actor, rollout: Rollout) -> Exception | None:
    if is_author(actor, rollout.release.commit_author):
        return PermissionDenied("You wrote the commit of this release; somebody else has to approve it.")
    return None


def is_author(actor: Actor, author: str) -> bool:
    """Whether a commit's author (login, address or "Name <address>") is this person, whatever the case."""
    name, address = parseaddr(author)
    theirs = {text.strip().casefold() for text in (author, name, address) if text.strip()}
    user = actor.user
    mine = {user.get_username(), user.email, user.get_full_name()} if user else set()
    return not theirs.isdisjoint(text.casefold() for text in mine if text)


FOUR_EYES: tuple[Callable[[Actor, Rollout], Exception | None], ...] = (is_person, not_requester, not_author)
