"""The votes that the history has: one that is in the database alone was not cast by anybody."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from portal.audit import chain, vouching
from portal.models import AuditEntry
from releases.models import Approval, Rollout
from releases.vote_counting import Standing

# What makes, casts and voids votes; a plan is made with none, and a baseline has those of before.
PLANNED, BASELINE = "rollout.planned", "history.baseline"
VERBS = (PLANNED, BASELINE, "rollout.approved", "rollout.awaiting-approval", "rollout.vote-voided")
Told = dict[int, Mapping[str, Any]]


def row_of(vote: Approval) -> dict[str, Any]:
    """What an entry tells of a vote."""
    return {
        "pk": vote.pk,
        "digest": vote.digest,
        "name": vote.name,
        "account": vote.account,
        "username": vote.username,
        "email": vote.email,
        "own": vote.own,
    }


def lost_in(standing: Standing) -> list[dict[str, Any]]:
    """What an entry tells of the votes that a count has voided."""
    return [{"vote": vote.pk, "name": vote.name, "why": vote.why_not} for vote in standing.lost]


def told_votes(rollouts: Iterable[Rollout]) -> dict[int, Told]:
    """The standing votes that the history has, by rollout and vote; in two queries for however many."""
    ids = [str(each.pk) for each in rollouts]
    entries = AuditEntry.objects.filter(target_type=Rollout._meta.label_lower, target_id__in=ids, verb__in=VERBS)
    found = list(entries.order_by("number"))
    forged = vouching.forged(found)
    votes: dict[int, Told] = {int(pk): {} for pk in ids}
    for entry in found:
        if entry.number not in forged:
            _take(votes[int(entry.target_id)], entry)
    return votes


def cast_votes(rollouts: Iterable[Rollout]) -> dict[int, list[Approval]]:
    """The standing votes that the database has for the plans as they are, by rollout, the earliest first."""
    plans = {each.pk: each.plan_digest for each in rollouts}
    rows = Approval.objects.filter(rollout__in=plans, decision=Approval.Decision.APPROVED, revoked_at=None)
    found: dict[int, list[Approval]] = {pk: [] for pk in plans}
    for row in rows.select_related("user__service_account", "user__password_link").order_by("pk"):
        if row.digest == plans[row.rollout_id]:
            found[row.rollout_id].append(row)
    return found


def all_doubts(rollouts: Iterable[Rollout]) -> Iterator[str]:
    """What the database alone has of votes for these rollouts, for `audit verify`."""
    many = list(rollouts)
    cast = cast_votes(many)
    told = told_votes(each for each in many if cast[each.pk])
    for each in many:
        yield from (f"rollout {each.pk}: {doubt}" for doubt in doubts_of(cast[each.pk], told.get(each.pk, {})))


def doubts_of(cast: Iterable[Approval], told: Told) -> Iterator[str]:
    """What is in the database alone, in words."""
    for vote in cast:
        row = told.get(vote.pk)
        if row is None:
            yield (
                f"The history has no vote of {vote.name} on this plan, though the database has one "
                f"(approval {vote.pk}, of {vote.username or 'nobody'})"
            )
        elif row != chain.plain(row_of(vote)):
            yield f"The history has another vote of {row['name']} on this plan than the database (approval {vote.pk})"


def _take(votes: Told, entry: AuditEntry) -> None:
    if entry.verb in (PLANNED, BASELINE):
        votes.clear()
    cast = [entry.data["vote"]] if "vote" in entry.data else entry.data.get("votes", [])
    votes.update({row["pk"]: row for row in cast})
    for lost in entry.data.get("void", []):
        votes.pop(lost["vote"], None)
