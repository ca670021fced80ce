"""The votes for plans as they count now: with today's accounts, rights and rules."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User
from django.utils import timezone

from environments.access import Held, may, roles_of_people
from portal.actors import Actor
from portal.roles import Verb
from releases.approvals.counting import Standing, Vote, count
from releases.approvals.four_eyes import FOUR_EYES
from releases.models import Approval, Rollout
from releases.queueing import needed_approvals


def standing(rollout: Rollout) -> Standing:
    """The votes for one rollout's plan."""
    return standings([rollout])[rollout.pk]


def standings(rollouts: Iterable[Rollout]) -> dict[int, Standing]:
    """The votes for each rollout's plan, by rollout, in as many queries for many as for one."""
    many = list(rollouts)
    cast = _cast(many)
    roles = roles_of_people({vote.user for votes in cast.values() for vote in votes if vote.user})
    return {each.pk: _standing(each, cast[each.pk], roles) for each in many}


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


def _cast(rollouts: list[Rollout]) -> Mapping[int, list[Approval]]:
    """Votes for the plans as they are, by rollout, the earliest first."""
    plans = {each.pk: each.plan_digest for each in rollouts}
    rows = Approval.objects.filter(rollout__in=rollouts, decision=Approval.Decision.APPROVED, revoked_at=None)
    found: dict[int, list[Approval]] = defaultdict(list)
    for row in rows.select_related("user__service_account", "user__password_link").order_by("pk"):
        if row.digest == plans[row.rollout_id]:
            found[row.rollout_id].append(row)
    return found


def _standing(rollout: Rollout, cast: Iterable[Approval], roles: Mapping[int, Held]) -> Standing:
    votes = [Vote(row.pk, row.name, row.voter, _why_not(row, rollout, roles)) for row in cast]
    return count(votes, needed_approvals(rollout))


def _why_not(row: Approval, rollout: Rollout, roles: Mapping[int, Held]) -> str:
    """Why a vote does not count now; "" where it does."""
    user: User | None = row.user
    if user is None:
        return f"the account {row.username or row.name} was removed."
    if not user.is_active:
        return f"the account {user.get_username()} is closed."
    actor = Actor("person", row.name, user, own=row.own)
    held = roles.get(user.pk, {}).get(rollout.environment_id, frozenset())
    if not may(actor, Verb.APPROVE, rollout.environment, roles=held):
        return f"{user.get_username()} may no longer approve in {rollout.environment}."
    found = next((each for guard in FOUR_EYES if (each := guard(actor, rollout))), None)
    return f"to a vote of {user.get_username()} the answer now is: {found}" if found else ""
