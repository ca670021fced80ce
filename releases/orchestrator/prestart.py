"""Rollouts that do not write to a cluster yet: planned, waiting for votes, waiting for their start.

Each handler says whether the rollout is to be worked on further, in the phase that it is in then.
"""

from datetime import datetime, timedelta

from django.db import IntegrityError
from django.utils import timezone

from environments.clusters import ConnectError
from portal.steps.state import State
from releases.approvals.standing import counted, void
from releases.audit_entries import entry
from releases.errors import PlanPostponed
from releases.lifecycle import ask_again, drifted, end, enter_live, expire, move, save, why_waiting
from releases.models import Rollout
from releases.orchestrator.claims import Claim
from releases.plan.drift import Drift
from releases.plan.store import load_plan
from releases.planning.planner import confirm, pause_after, plan_rollout
from releases.states import Phase
from releases.vote_counting import Standing
from releases.votes_in_history import lost_in

LOOK_AGAIN = 30.0
COUNT_AGAIN = timedelta(minutes=5)
TRIES = 10
DOING = {Phase.PLANNING: "planned", Phase.WAITING: "started"}


def plan(claim: Claim) -> bool:
    """Makes the plan; it stores what came of it."""
    if not _begin(claim):
        return False
    plan_rollout(claim.rollout.pk)
    claim.reload()
    if claim.rollout.phase == Phase.WAITING:
        _forget_tries(claim)
        return True
    claim.give_back()
    return False


def wait_for_votes(claim: Claim) -> bool:
    """Ends the rollout when its time is over; counts its votes anew until then, since people come and go."""
    with claim.locked() as rollout:
        now = timezone.now()
        if not expire(rollout, now):
            _count(rollout, now)
    claim.give_back()
    return False


def _count(rollout: Rollout, now: datetime) -> None:
    votes = counted(rollout)
    if votes.enough or votes.lost:
        rollout.why = votes.words
    rollout.due_at = now if votes.enough else _next_count(rollout, now)
    if votes.enough:
        move(rollout, Phase.WAITING)
    save(rollout)
    if votes.enough:
        entry(rollout, "rollout.waiting", {"from": Phase.AWAITING_APPROVAL, "why": votes.words})


def _next_count(rollout: Rollout, now: datetime) -> datetime:
    return min(filter(None, (rollout.expires_at, now + COUNT_AGAIN)))


def start(claim: Claim) -> bool:
    """Makes it live when nothing is ahead of it and its plan still is what would happen."""
    if not counted(claim.rollout).enough:
        return _ask_anew(claim)
    if why := why_waiting(claim.rollout):
        return _wait(claim, why, LOOK_AGAIN)
    if not _begin(claim):
        return False
    began = timezone.now().timestamp()
    try:
        drift = confirm(claim.rollout)
    except (PlanPostponed, ConnectError) as error:
        return _try_again(claim, error)
    try:
        return _start(claim, drift, began)
    except IntegrityError:
        return _wait(claim, "Another rollout of this application has just started there.", LOOK_AGAIN)


def _begin(claim: Claim) -> bool:
    """Counts a try before it is made: one that is broken off, with its process, can note nothing afterwards.

    False where there is none, since the rollout has ended: its time is over, or too many tries had no end.
    """
    with claim.locked() as rollout:
        now, hours = timezone.now(), timedelta(hours=rollout.environment.approval_hours)
        rollout.expires_at = rollout.expires_at or now + hours
        over = expire(rollout, now) or _give_up(rollout)
        if not over:
            _note_try(rollout)
    if over:
        claim.give_back()
    return not over


def _give_up(rollout: Rollout) -> bool:
    if rollout.state.begun < TRIES:
        return False
    end(rollout, Phase.FAILED, f"It could not be {DOING[Phase(rollout.phase)]} in {TRIES} tries. {rollout.why}")
    save(rollout)
    entry(rollout, "rollout.refused", {"why": rollout.why})
    return True


def _note_try(rollout: Rollout) -> None:
    """Leaves the version: whoever has read the row may still save it."""
    begun = rollout.state.begun
    if begun:
        what = DOING[Phase(rollout.phase)]
        rollout.why = (
            f"It is being {what}, try {begun + 1} of {TRIES}: the last was broken off, since it took too long "
            "or its process ended."
        )
    rollout.cursor = State(begun=begun + 1).to_json()
    rollout.save(update_fields=["cursor", "why", "expires_at"])


def _forget_tries(claim: Claim) -> None:
    """The plan is made: the start counts its own."""
    with claim.locked() as rollout:
        rollout.cursor = {}
        rollout.save(update_fields=["cursor"])


def _try_again(claim: Claim, error: Exception) -> bool:
    tries = claim.rollout.attempts
    pause = pause_after(tries, getattr(error, "retry_after", None))
    return _wait(claim, f"It cannot be started yet: {error} It is tried again.", pause, attempts=tries + 1)


def _wait(claim: Claim, why: str, seconds: float, *, attempts: int = 0) -> bool:
    with claim.locked() as rollout:
        if not expire(rollout, timezone.now()) and rollout.version == claim.rollout.version:
            rollout.why, rollout.due_at = why, timezone.now() + timedelta(seconds=seconds)
            rollout.attempts = attempts
            save(rollout)
    claim.give_back()
    return False


def _start(claim: Claim, drift: Drift | None, began: float) -> bool:
    with claim.locked() as rollout:
        if rollout.version == claim.rollout.version:
            votes = counted(rollout)
            if not votes.enough:
                _ask_again(rollout, votes)
            elif drift:
                drifted(rollout, drift)
            else:
                _enter(rollout, began)
    if rollout.phase != Phase.PROGRESSING:
        claim.give_back()
        return False
    claim.reload()
    return True


def _ask_anew(claim: Claim) -> bool:
    with claim.locked() as rollout:
        votes = counted(rollout)
        if rollout.version == claim.rollout.version and not votes.enough:
            _ask_again(rollout, votes)
    claim.give_back()
    return False


def _ask_again(rollout: Rollout, votes: Standing) -> None:
    void(votes)
    ask_again(rollout, votes.words)
    rollout.due_at = _next_count(rollout, timezone.now())
    save(rollout)
    told = {"from": Phase.WAITING, "why": votes.words, "void": lost_in(votes)}
    entry(rollout, "rollout.awaiting-approval", told)


def _enter(rollout: Rollout, began: float) -> None:
    enter_live(rollout, Phase.PROGRESSING, above=load_plan(rollout).get("above", 0))
    rollout.cursor, rollout.shares = State(started=began).to_json(), {}
    rollout.intent = rollout.intent_by = rollout.why = ""
    rollout.attempts = 0
    save(rollout)
    entry(rollout, "rollout.started", {"digest": rollout.plan_digest, "sequence": rollout.sequence})
