"""The votes for plans as they count now: with today's accounts, rights and rules, and as the history has them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.contrib.auth.models import User
from django.utils import timezone

from environments.access import GrantedBy, grounds_of, may
from portal.actors import Actor
from portal.audit import vouching
from portal.audit.vouching import Doubt
from portal.roles import ALLOWED, Role, Verb
from releases.approvals.four_eyes import FOUR_EYES
from releases.lifecycle import needed_approvals
from releases.models import Approval, Rollout
from releases.vote_counting import Standing, Vote, count
from releases.votes_in_history import cast_votes, doubts_of, told_votes
from releases.vouched import Doubtful

Grounds = Mapping[int, Sequence[GrantedBy]]


def counted(rollout: Rollout, *, now: Approval | None = None) -> Standing:
    """The votes for one rollout's plan, for who decides by them. Doubtful where the history does not have them.

    `now`: the vote that this very transaction casts and will tell of.
    """
    votes = standings([rollout], now=now)[rollout.pk]
    if votes.doubts:
        raise Doubtful(votes.doubts)
    return votes


def standing(rollout: Rollout) -> Standing:
    """The votes for one rollout's plan."""
    return standings([rollout])[rollout.pk]


def standings(rollouts: Iterable[Rollout], *, now: Approval | None = None) -> dict[int, Standing]:
    """The votes for each rollout's plan, by rollout, in as many queries for many as for one. `now`: as in `counted`."""
    many = list(rollouts)
    cast = cast_votes(many)
    told = told_votes(each for each in many if cast[each.pk])
    grounds = grounds_of({vote.user for votes in cast.values() for vote in votes if vote.user})
    doubted = vouching.doubts({row for theirs in grounds.values() for ground in theirs for row in ground.rows})
    found = {}
    for each in many:
        votes = [Vote(row.pk, row.name, row.voter, _why_not(row, each, grounds)) for row in cast[each.pk]]
        before = [row for row in cast[each.pk] if row != now]
        doubts = [*doubts_of(before, told.get(each.pk, {})), *_ungrounded(each, cast[each.pk], grounds, doubted)]
        found[each.pk] = count(votes, needed_approvals(each), doubts)
    return found


def told(rows: Iterable[Approval], standing: Standing) -> list[Approval]:
    """The rows for a screen, each with `why_not`: why it does not count, "" where it does."""
    lost = {vote.pk: vote.why_not for vote in standing.lost}
    found = list(rows)
    for row in found:
        row.why_not = lost.get(row.pk, "")  # type: ignore[attr-defined]
    return found


def void(standing: Standing) -> None:
    """Voids the votes that do not count: who has the right to, may vote again. In the caller's transaction."""
    for vote in standing.lost:
        Approval.objects.filter(pk=vote.pk).update(revoked_at=timezone.now(), revoked_why=vote.why_not)


def _why_not(row: Approval, rollout: Rollout, grounds: Grounds) -> str:
    """Why a vote does not count now; "" where it does."""
    user: User | None = row.user
    if user is None:
        return f"the account {row.username or row.name} was removed."
    if not user.is_active:
        return f"the account {user.get_username()} is closed."
    actor = Actor("person", row.name, user, own=row.own)
    theirs = _to_approve(user, rollout, grounds)
    held: frozenset[Role] = frozenset().union(*(ground.roles for ground in theirs))
    if not may(actor, Verb.APPROVE, rollout.environment, roles=held):
        return f"{user.get_username()} may no longer approve in {rollout.environment}."
    found = next((each for guard in FOUR_EYES if (each := guard(actor, rollout))), None)
    return f"to a vote of {user.get_username()} the answer now is: {found}" if found else ""


def _ungrounded(
    rollout: Rollout, cast: Iterable[Approval], grounds: Grounds, doubted: Sequence[Doubt]
) -> Iterator[str]:
    """Doubts of those rights to approve that hang on nothing that the history has."""
    for row in cast:
        theirs = _to_approve(row.user, rollout, grounds) if row.user else []
        against = [[doubt for doubt in doubted if any(map(doubt.of, ground.rows))] for ground in theirs]
        if theirs and all(against):
            yield from (f"{row.name} voted by a right that the history does not have: {doubt}" for doubt in against[0])


def _to_approve(user: User, rollout: Rollout, grounds: Grounds) -> list[GrantedBy]:
    """What gives somebody the right to approve a rollout."""
    theirs = [each for each in grounds.get(user.pk, ()) if each.environment in (None, rollout.environment_id)]
    return [each for each in theirs if any(Verb.APPROVE in ALLOWED[role] for role in each.roles)]
