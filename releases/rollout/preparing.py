"""Rollouts that do not write to a cluster yet: planned, waiting for votes, waiting for their start.

Each handler says whether the rollout is to be worked on further, in the phase that it is in then.
"""

from datetime import timedelta

from django.db import IntegrityError
from django.utils import timezone

from environments.kube.errors import KubeError
from releases.drift import Drift
from releases.errors import PlanPostponed
from releases.models import Rollout
from releases.plan import confirm, plan_rollout
from releases.queueing import drifted, enter_live, expire, save, why_waiting
from releases.rollout.claims import Claim
from releases.rollout.recording import entry
from releases.rollout.state import State
from releases.states import Phase

LOOK_AGAIN = 30.0
TRY_AGAIN = 3.0


def plan(claim: Claim) -> bool:
    """Makes the plan; it stores what came of it."""
    plan_rollout(claim.rollout.pk)
    claim.reload()
    if claim.rollout.phase == Phase.WAITING:
        return True
    claim.give_back()
    return False


def wait_for_votes(claim: Claim) -> bool:
    """Ends the rollout when its time is over."""
    with claim.locked() as rollout:
        rollout.due_at = rollout.expires_at
        if not expire(rollout, timezone.now()):
            save(rollout)
    claim.give_back()
    return False


def start(claim: Claim) -> bool:
    """Makes it live when nothing is ahead of it and its plan still is what would happen."""
    if why := why_waiting(claim.rollout):
        return _wait(claim, why, LOOK_AGAIN)
    began = timezone.now().timestamp()
    try:
        drift = confirm(claim.rollout)
    except (KubeError, PlanPostponed) as error:
        return _wait(claim, f"It cannot be started yet: {error} It is tried again.", TRY_AGAIN)
    try:
        return _start(claim, drift, began)
    except IntegrityError:
        return _wait(claim, "Another rollout of this application has just started there.", LOOK_AGAIN)


def _wait(claim: Claim, why: str, seconds: float) -> bool:
    with claim.locked() as rollout:
        if expire(rollout, timezone.now()):
            rollout.due_at = None
        elif rollout.version == claim.rollout.version:
            rollout.why, rollout.due_at = why, timezone.now() + timedelta(seconds=seconds)
            save(rollout)
    claim.give_back()
    return False


def _start(claim: Claim, drift: Drift | None, began: float) -> bool:
    with claim.locked() as rollout:
        if rollout.version == claim.rollout.version:
            if drift:
                drifted(rollout, drift)
            else:
                _enter(rollout, began)
    if rollout.phase != Phase.PROGRESSING:
        claim.give_back()
        return False
    claim.reload()
    return True


def _enter(rollout: Rollout, began: float) -> None:
    enter_live(rollout, Phase.PROGRESSING)
    rollout.cursor = State(started=began).to_json()
    rollout.intent = rollout.intent_by = rollout.why = ""
    rollout.attempts = 0
    save(rollout)
    entry(rollout, "rollout.started", {"digest": rollout.plan_digest, "sequence": rollout.sequence})
