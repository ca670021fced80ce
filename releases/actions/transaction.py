"""How every action changes a rollout: lock, guard, change, save, audit entry, wake, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from portal.actors import Actor
from releases.actions import guards
from releases.audit_entries import entry
from releases.errors import Unacceptable
from releases.lifecycle import save
from releases.models import Rollout
from releases.states import InvalidTransition
from releases.wake import wake

MOST_COMMENT = 2000


@dataclass
class Change:
    """The locked rollout, and what the audit entry says beside the verb."""

    rollout: Rollout
    data: dict[str, Any] = field(default_factory=dict)


@contextmanager
def changing(actor: Actor, rollout: Rollout, verb: str, line: str, comment: str = "") -> Iterator[Change]:
    """Gives the locked rollout once the guards of `verb` agree; saves it, records `line` and wakes the loop.

    Raises what the guards raise, Unacceptable for a missing comment, and InvalidTransition where another
    rollout became live in the same moment.
    """
    try:
        with transaction.atomic():
            change = Change(locked(rollout))
            guards.check(actor, change.rollout, verb)
            guards.check_vouched(change.rollout, verb)
            said = checked_comment(comment, needed=guards.RULES[verb].needs_comment)
            yield change
            save(change.rollout)
            entry(change.rollout, line, change.data | ({"comment": said} if said else {}), actor=actor)
            if not change.rollout.ended:
                wake(change.rollout)
    except IntegrityError as error:
        if "one_live_rollout" not in str(error) and "releases_rollout.application_id" not in str(error):
            raise
        raise InvalidTransition("Another rollout of this application has just started there.") from error
    rollout.refresh_from_db()


def locked(rollout: Rollout) -> Rollout:
    """The rollout as it is now; nobody else changes it before the transaction ends."""
    rows = Rollout.objects.select_for_update(of=("self",))
    related = rows.select_related(
        "release__application", "release__bundle", "application", "environment", "previous__release"
    )
    return related.get(pk=rollout.pk)


def checked_comment(comment: str, *, needed: bool) -> str:
    """The comment without outer space. Unacceptable where one is needed and missing, or cannot be stored."""
    said = comment.strip()
    if needed and not said:
        raise Unacceptable("Say in a comment what you looked at: it goes into the history with your name.")
    if len(said) > MOST_COMMENT:
        raise Unacceptable(f"The comment is longer than {MOST_COMMENT} characters.")
    if "\0" in said:
        raise Unacceptable("The comment has the character U+0000, which cannot be stored.")
    return said
