"""Moves rollouts: claim, observe, decide, act, save with its audit entries in one transaction.

The cluster is looked at and written outside any transaction. Whatever is not saved is done again: every operation
may be repeated.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import Error, connection, transaction
from django.utils import timezone

from environments.clusters import ConnectError, gateway_for, prometheus_for
from portal.metrics import PASS_SECONDS, PASSES
from releases import vouched
from releases.audit_entries import entry
from releases.engine.decide import Decision, absorb, decide, give_up
from releases.engine.state import State
from releases.metrics import rollout_ended, step_ended
from releases.models import Rollout
from releases.orchestrator import recording
from releases.orchestrator.claims import CLAIMS, Claim, Lost
from releases.orchestrator.executor import execute
from releases.orchestrator.observe import observe
from releases.orchestrator.plan_cache import Loaded, load
from releases.orchestrator.prestart import plan, start, wait_for_votes
from releases.states import ENDED, LIVE, Phase
from releases.strategies.shared.handling import Execution
from releases.vouched import Doubtful

log = structlog.get_logger(__name__)
PASS_AT_MOST = 10.0
BATCH_SECONDS = 15.0  # of a task's 30: what is left of a batch then is given back
GIVE_UP_AFTER = 12  # passes in a row that ended in an error of ours
LONGEST_PAUSE = 60.0


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
        while HANDLERS.get(Phase(claim.rollout.phase), drive)(claim):
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


def drive(claim: Claim) -> bool:
    """A live rollout: on and on, until there is nothing but to wait."""
    state = State.from_json(claim.rollout.cursor)
    until = time.monotonic() + PASS_AT_MOST
    while True:
        rollout = claim.rollout
        loaded = load(rollout, state.track)
        decision = decide(state, loaded.work, observe(rollout, loaded.work, state.index))
        if not decision.operations and not decision.again:
            if _save(claim, loaded, decision, last=True):
                return False
            state = _afresh(claim, state)
        elif decision.operations and time.monotonic() > until:
            # A cluster that answers slowly: what is left comes in a pass of its own.
            if _save(claim, loaded, replace(decision, due_in=0.0), last=True):
                return False
            state = _afresh(claim, state)
        elif _worth_saving(claim, decision) and not _save(claim, loaded, decision, last=False):
            state = _afresh(claim, state)
        else:
            outcomes = execute(_execution(claim, loaded), decision.operations) if decision.operations else ()
            state = absorb(decision.state, outcomes, timezone.now().timestamp())


def _afresh(claim: Claim, state: State) -> State:
    """After a save that touched no row: the stored state, or ours where the rollout was only woken."""
    version = claim.rollout.version
    claim.reload()
    if Phase(claim.rollout.phase) not in LIVE:
        raise Lost
    return state if claim.rollout.version == version else State.from_json(claim.rollout.cursor)


def _worth_saving(claim: Claim, decision: Decision) -> bool:
    return bool(decision.records or decision.moves or decision.again) or not claim.may_write()


def _save(claim: Claim, loaded: Loaded, decision: Decision, *, last: bool) -> bool:
    """Decision, steps and audit in one transaction; False where the rollout has changed and is to be read anew."""
    rollout, before = claim.rollout, Phase(claim.rollout.phase)
    fields = recording.fields_of(rollout, decision)
    with transaction.atomic():
        saved = claim.release(fields, _due(decision)) if last else claim.save(fields)
        if saved:
            if decision.records and decision.records[0].index == 0:
                recording.lay_out(rollout, loaded.work, decision.records[0].track)
            recording.record(rollout, loaded.work, decision, before)
    if saved and (decision.moves or decision.records):
        _tell(rollout, decision)
    return saved


def _due(decision: Decision) -> datetime | None:
    if decision.due_in is None:
        return None
    return timezone.now() + timedelta(seconds=min(decision.due_in, LONGEST_PAUSE))


def _tell(rollout: Rollout, decision: Decision) -> None:
    for each in decision.records:
        log.info("step", rollout=rollout.pk, track=each.track, step=each.index, state=each.state, why=each.why)
        step_ended(each.track, each.state, each.seconds)
    for move in decision.moves:
        log.info("phase", rollout=rollout.pk, phase=move.phase, why=move.why)
        if move.phase in ENDED:
            rollout_ended(rollout, move.phase)


def _execution(claim: Claim, loaded: Loaded) -> Execution:
    rollout = claim.rollout
    return Execution(
        gateway=gateway_for(rollout.environment.cluster),
        application=rollout.application.name,
        sequence=rollout.sequence,
        manifests=lambda index: loaded.manifests[index],
        scalers=loaded.scalers,
        may_write=claim.may_write,
        prometheus=prometheus_for(rollout.environment),
    )


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
            _end(claim, why)
            return
        fields = {"why": f"{why.rstrip('.')}. Next try in {pause:.0f} s.", "attempts": attempts}
        if Phase(claim.rollout.phase) not in LIVE:
            fields["cursor"] = {}  # the try under way has come to its end
        claim.release(fields, timezone.now() + timedelta(seconds=pause))
    except Doubtful as doubtful:
        _hold(claim, str(doubtful))
    except (Lost, Error):
        log.warning("A failed pass could not be noted.", rollout=claim.rollout.pk)


def _end(claim: Claim, why: str) -> None:
    state = State.from_json(claim.rollout.cursor)
    loaded = load(claim.rollout, state.track)
    _save(claim, loaded, give_up(state, observe(claim.rollout, loaded.work, state.index), why), last=True)


HANDLERS: Mapping[Phase, Callable[[Claim], bool]] = {
    Phase.PLANNING: plan,
    Phase.AWAITING_APPROVAL: wait_for_votes,
    Phase.WAITING: start,
}
