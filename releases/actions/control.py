"""What people want of a rollout under way: recorded here, done by the reconciler; and the ways on from an end."""

from portal.actors import Actor
from portal.audit.vouching import doubts
from releases.actions.guards import RUNNING, check_vouched, overtaken
from releases.actions.transaction import changing, locked
from releases.audit_entries import entry
from releases.lifecycle import end, enter_live, save
from releases.models import Rollout
from releases.states import ENDED, LIVE, InvalidTransition, Phase
from releases.vouched import Doubtful, put_back
from releases.wake import wake


def start(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Starts an approved rollout, where the environment leaves that to a person."""
    return _wish(actor, rollout, Rollout.Intent.START, comment)


def pause(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Holds it after what is being applied now."""
    return _wish(actor, rollout, Rollout.Intent.PAUSE, comment)


def resume(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Goes on from where it was held."""
    return _wish(actor, rollout, Rollout.Intent.RESUME, comment)


def promote(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Goes past what it waits for now."""
    return _wish(actor, rollout, Rollout.Intent.PROMOTE, comment)


def promote_fully(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Goes past every wait and every check that is left, for the reason given."""
    return _wish(actor, rollout, Rollout.Intent.PROMOTE_FULLY, comment)


def abort(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Stops it."""
    return _wish(actor, rollout, Rollout.Intent.ABORT, comment)


def rollback(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Goes back to what ran before, from wherever it is: its objects return and what it added is removed."""
    with changing(actor, rollout, "rollback", "rollout.rollback-requested", comment) as change:
        change.data = {"to": change.rollout.previous.release.version if change.rollout.previous else ""}
        if change.rollout.phase not in LIVE:
            enter_live(change.rollout, Phase.ROLLING_BACK)
        change.rollout.intent, change.rollout.intent_by = Rollout.Intent.ROLLBACK, actor.name
    return rollout


def retry(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Tries the failed step of the same plan again."""
    with changing(actor, rollout, "retry", "rollout.retried", comment) as change:
        enter_live(change.rollout, Phase.PROGRESSING)
        change.rollout.intent, change.rollout.intent_by = Rollout.Intent.RETRY, actor.name
        change.rollout.why, change.rollout.attempts = "", 0
    return rollout


def cancel(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Ends a rollout that has not started."""
    with changing(actor, rollout, "cancel", "rollout.cancelled", comment) as change:
        end(change.rollout, Phase.CANCELLED, f"Cancelled by {actor.name}.")
    return rollout


def restore(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Puts a rollout that somebody wrote to by SQL back as the history has it; one that it has nothing of ends."""
    with changing(actor, rollout, "restore", "rollout.restored", comment) as change:
        found = [each for each in doubts([change.rollout]) if each.of(change.rollout)]
        if any(each.rewritten for each in found):
            raise InvalidTransition(str(Doubtful(found)))
        change.data = {"was": {each.field: each.found for each in found if each.field}}
        put_back(change.rollout)
    return rollout


def supersede(actor: Actor, rollout: Rollout, comment: str = "") -> Rollout:
    """Lets this one go first: older ones that wait are cancelled, and the live one is aborted."""
    with changing(actor, rollout, "supersede", "rollout.superseded-others", comment) as change:
        # All locks before the first audit entry, which itself locks out every other writer.
        ahead = [locked(other) for other in overtaken(change.rollout)]
        for other in ahead:
            _give_way(actor, other, change.rollout)
        change.data = {"superseded": [other.pk for other in ahead]}
    return rollout


def _wish(actor: Actor, rollout: Rollout, intent: Rollout.Intent, comment: str) -> Rollout:
    with changing(actor, rollout, intent, f"rollout.{intent}-requested", comment) as change:
        change.rollout.intent, change.rollout.intent_by = intent, actor.name
    return rollout


def _give_way(actor: Actor, other: Rollout, newer: Rollout) -> None:
    """The other as it is now that it is locked: it may have started or ended since."""
    if other.phase in ENDED or (other.phase in LIVE and other.phase not in RUNNING):
        return
    check_vouched(other, "abort")
    other.superseded_by = newer
    if other.phase in RUNNING:
        other.intent, other.intent_by = Rollout.Intent.ABORT, actor.name
    else:
        why = f"Superseded by rollout {newer.pk} ({newer.release.version}), by {actor.name}."
        end(other, Phase.CANCELLED, why)
    save(other)
    entry(other, "rollout.superseded", {"by": newer.pk}, actor=actor)
    wake(other)
