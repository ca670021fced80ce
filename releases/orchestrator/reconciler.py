"""Moves rollouts: claim, observe, decide, act, save with its audit entries in one transaction.

The cluster is looked at and written outside any transaction. Whatever is not saved is done again: every operation
may be repeated.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog
from django.db import Error, connection, transaction
from django.utils import timezone

from environments.clusters import ConnectError
from portal.metrics import PASS_SECONDS, PASSES
from releases import vouched
from releases.audit_entries import entry
from releases.orchestrator.claims import CLAIMS, Claim, Lost
from releases.orchestrator.live_pass import LONGEST_PAUSE, end, pass_live
from releases.orchestrator.prestart import plan, start, wait_for_votes
from releases.states import LIVE, Phase
from releases.vouched import Doubtful

log = structlog.get_logger(__name__)
BATCH_SECONDS = 15.0  # of a task's 30: what is left of a batch then is given back
GIVE_UP_AFTER = 12  # passes in a row that ended in an error of ours


def advance(ids: str, ticket: str) -> None:
    """One pass for each rollout of a ticket that the loop leased: "12,13,14"."""
    wanted = [int(each) for each in ids.split(",")]
    until = time.monotonic() + BATCH_SECONDS
    taken = CLAIMS.take(wanted, ticket)
    for claim in taken:
        if time.monotonic() > until:
            CLAIMS.drop([claim.rollout.pk], claim.owner)
        else:
            advance_one(claim)


@PASS_SECONDS.time()
def advance_one(claim: Claim) -> None:
    """One pass, whatever happens in it."""
    try:
        vouched.check(claim.rollout)
        while HANDLERS.get(Phase(claim.rollout.phase), pass_live)(claim):
            pass
        PASSES.labels("done").inc()
    except Lost:
        PASSES.labels("lost").inc()
        log.info("lost", rollout=claim.rollout.pk)
    except Doubtful as doubtful:
        _hold(claim, str(doubtful))
    except Error:
        log.exception("The database failed in a pass.", rollout=claim.rollout.pk)
        connection.close()
    except ConnectError as error:
        _postpone(claim, str(error), may_end=False)
    except Exception as error:
        log.exception("A pass failed.", rollout=claim.rollout.pk)
        _postpone(claim, f"{type(error).__name__}: {error}", may_end=True)


def _hold(claim: Claim, why: str) -> None:
    """Leaves a rollout as it is, which the history does not vouch for, and says so once."""
    PASSES.labels("held").inc()
    rollout, known = claim.rollout, claim.rollout.why == why
    due = timezone.now() + timedelta(seconds=LONGEST_PAUSE)
    try:
        with transaction.atomic():
            if claim.release({"why": why}, due) and not known:
                entry(rollout, "rollout.held", {"why": why}, vouches=False)
    except (Lost, Error):
        log.warning("A rollout that is held could not be told of.", rollout=rollout.pk, why=why)


def _postpone(claim: Claim, why: str, *, may_end: bool) -> None:
    """Says why a pass failed and when the next is; a live rollout that only fails is ended."""
    PASSES.labels("failed").inc()
    attempts = claim.rollout.attempts + 1
    pause = min(2.0**attempts, LONGEST_PAUSE)
    try:
        claim.reload()
        if may_end and attempts >= GIVE_UP_AFTER and Phase(claim.rollout.phase) in LIVE:
            end(claim, why)
            return
        fields = {"why": f"{why.rstrip('.')}. Next try in {pause:.0f} s.", "attempts": attempts}
        if Phase(claim.rollout.phase) not in LIVE:
            fields["cursor"] = {}  # the try under way has come to its end
        claim.release(fields, timezone.now() + timedelta(seconds=pause))
    except Doubtful as doubtful:
        _hold(claim, str(doubtful))
    except (Lost, Error):
        log.warning("A failed pass could not be noted.", rollout=claim.rollout.pk)


HANDLERS: Mapping[Phase, Callable[[Claim], bool]] = {
    Phase.PLANNING: plan,
    Phase.AWAITING_APPROVAL: wait_for_votes,
    Phase.WAITING: start,
}
