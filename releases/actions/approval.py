"""Approve and reject: a person's word on exactly the plan whose digest they saw."""

from portal.actors import Actor
from releases.actions.transaction import Change, changing
from releases.approvals.standing import counted, void
from releases.identity import Identity
from releases.lifecycle import end, move
from releases.models import Approval, Rollout
from releases.states import InvalidTransition, Phase
from releases.vote_counting import Standing
from releases.votes_in_history import lost_in, row_of
from releases.vouched import Doubtful


def approve(actor: Actor, rollout: Rollout, digest: str, comment: str) -> Rollout:
    """One vote for the plan; with the environment's number of them the rollout waits for its start."""
    with changing(actor, rollout, "approve", "rollout.approved", comment) as change:
        vote = _vote(actor, change, digest, Approval.Decision.APPROVED, comment)
        votes = _count(change.rollout, vote)
        void(votes)
        change.rollout.why = votes.words
        if votes.lost:
            change.data["void"] = lost_in(votes)
        if votes.enough:
            move(change.rollout, Phase.WAITING)
    return rollout


def reject(actor: Actor, rollout: Rollout, digest: str, comment: str) -> Rollout:
    """One vote against the plan ends the rollout."""
    with changing(actor, rollout, "reject", "rollout.rejected", comment) as change:
        _vote(actor, change, digest, Approval.Decision.REJECTED, comment)
        end(change.rollout, Phase.REJECTED, f"Rejected by {actor.name}: {comment.strip()}")
    return rollout


def _count(rollout: Rollout, vote: Approval) -> Standing:
    try:
        return counted(rollout, now=vote)
    except Doubtful as doubtful:
        raise InvalidTransition(str(doubtful)) from doubtful


def _vote(actor: Actor, change: Change, digest: str, decision: Approval.Decision, comment: str) -> Approval:
    if digest != change.rollout.plan_digest:
        raise InvalidTransition(
            "The plan is another than the one you looked at: it was planned anew. Look at the new one first."
        )
    who = Identity.of(actor.user)
    vote = Approval.objects.create(
        rollout=change.rollout,
        digest=digest,
        user=actor.user,
        account=who.account,
        username=who.username,
        email=who.email,
        own=actor.own,
        name=actor.name,
        decision=decision,
        comment=comment.strip(),
    )
    change.data |= {"digest": digest, "vote": row_of(vote)}
    return vote
