"""The actions by their verb, as screens and the API name them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.actors import Actor
from releases.actions.approval import approve, reject
from releases.actions.control import (
    abort,
    cancel,
    pause,
    promote,
    promote_fully,
    restore,
    resume,
    retry,
    rollback,
    start,
    supersede,
)
from releases.actions.guards import RULES
from releases.actions.request import bring_back, replan
from releases.models import Rollout

VOTES: Mapping[str, Callable[[Actor, Rollout, str, str], Rollout]] = {"approve": approve, "reject": reject}
STEERING: Mapping[str, Callable[[Actor, Rollout, str], Rollout]] = {
    "start": start,
    "promote": promote,
    "promote-fully": promote_fully,
    "pause": pause,
    "resume": resume,
    "retry": retry,
    "supersede": supersede,
    "replan": replan,
    "cancel": cancel,
    "abort": abort,
    "restore": restore,
    "rollback": rollback,
    "undo": bring_back,
}
SAID: Mapping[str, str] = {
    "approve": "Approved.",
    "reject": "Rejected: nothing of this plan will be applied.",
    "start": "It starts now.",
    "promote-fully": "Promoted fully: no wait and no check holds it up any more.",
    "promote": "Promoted: it skips the wait, not the checks.",
    "pause": "It pauses: nothing new begins.",
    "resume": "It goes on.",
    "retry": "It tries again from the step that failed.",
    "supersede": "It goes first; what was ahead of it ends.",
    "replan": "The plan is made anew; votes on the old one are void.",
    "cancel": "Cancelled.",
    "abort": "It is being aborted.",
    "restore": "It is as the history says again.",
    "rollback": "It is being rolled back.",
    "undo": "It is asked for and planned next: look at what it changes.",
}


@dataclass(frozen=True)
class Performed:
    """What happens next, in words, and to which rollout: to a new one where an earlier one is brought back."""

    words: str
    rollout: Rollout


def perform(verb: str, actor: Actor, rollout: Rollout, *, comment: str = "", digest: str = "") -> Performed:
    """Does it. Raises what the action raises, and KeyError for an unknown verb.

    `digest` is that of the plan which the person saw; only votes are bound to it.
    """
    if verb in VOTES:
        return Performed(SAID[verb], VOTES[verb](actor, rollout, digest, comment))
    return Performed(SAID[verb], STEERING[verb](actor, rollout, comment))


def known(verb: str) -> bool:
    """Whether there is such a verb."""
    return verb in RULES
