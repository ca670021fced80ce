"""What each button does to this very rollout, in a sentence: for its dialog, and for a rollout that asks."""

from environments.models import Environment
from portal.blobs import BlobError
from releases import strategies
from releases.lifecycle import needed_approvals, starts_by_itself
from releases.models import Rollout
from releases.pages.labels import asks
from releases.plan.rollback_plan import BEFORE_SLIPWAY, words
from releases.plan.store import brings_back_others, plan_of

HOLDS_REQUESTS = (
    "Nothing new begins, and requests stay where they are. It is measured on, "
    "and a metric that fails still takes {new} back."
)
EFFECTS = {
    "start": "It begins now.",
    "promote": "It goes on without waiting any longer in this step.",
    "promote-fully": (
        "Every wait and every check that is left is skipped: {new} gets all requests, whatever is measured. "
        "The reason stays in the history."
    ),
    "pause": "Nothing new begins, and what is under way stands still where it is.",
    "resume": "It goes on from where it was paused.",
    "retry": "The step that failed begins anew, with nothing held against it.",
    "supersede": "It goes first; what is ahead of it ends.",
    "replan": "The plan is made anew against the cluster as it is now. Votes on this one are void.",
    "cancel": "Nothing of it will be applied.",
    "abort": "It stops: {back}. It ends as aborted.",
    "rollback": "{back_first}. It ends as rolled back.",
    "undo": "A new rollout applies what {new} had applied here, as it was stored, configuration included. {policy}",
}
MOVING = {
    "promote": "It goes on without waiting any longer in this step. Every metric still has to pass once.",
    "pause": HOLDS_REQUESTS,
}
CONTENT = {"resume": "Yes: it goes on from here.", "promote": "Yes: it goes on from here."}
MOVED_BY_OTHERS = {
    "resume": "The weights are put right once more, and it goes on. It asks again where they are changed again.",
}
UNPROVEN = {
    "resume": "The step is measured anew. It asks again where that proves nothing either.",
    "promote": "It goes on without waiting any longer, as soon as every metric has passed once.",
}
GOING_BACK = frozenset({"abort", "rollback"})
UNTOUCHED = (
    "What the release did not change keeps what people added and its number of pods; it restarts only where somebody "
    "has changed what the release says of it."
)
PLACEHOLDERS = {
    "approve": "What did you check?",
    "reject": "What has to change?",
    "promote-fully": "Why may it go on without its checks?",
    "undo": "Why does it have to come back?",
}


def effect(rollout: Rollout, verb: str) -> str:
    """What happens when the button is pressed; "" for a vote."""
    texts = {**EFFECTS, **(MOVING if strategies.find(rollout.strategy).moves_requests else {}), **_answers(rollout)}
    back = _way_back(rollout)
    said = {"new": rollout.release.version, "back": back, "back_first": back[:1].upper() + back[1:]}
    text = texts.get(verb, "").format(**said, policy=_policy_of_undo(rollout.environment))
    return " ".join([text, *_beside(rollout)]) if verb in GOING_BACK else text


def _beside(rollout: Rollout) -> list[str]:
    """What going back leaves and runs, and what it does not touch."""
    try:
        plan = plan_of(rollout)
    except BlobError:
        plan = None
    if plan is None:
        return []
    told = [f"{title}: {detail}.".replace("..", ".") for title, detail in words(plan) if detail]
    return [*told, UNTOUCHED] if rollout.previous and "leaves" in plan.get("back", {}) else told


def _policy_of_undo(environment: Environment) -> str:
    """What stands between the wish and the start, by the environment's rules for a way back."""
    undo = Rollout(kind=Rollout.Kind.UNDO, environment=environment)
    needed, by_itself = needed_approvals(undo), starts_by_itself(undo)
    if needed:
        others = f"{needed} other {'people' if needed > 1 else 'person'}"
        then = "then it starts" if by_itself else "then a person starts it"
        return f"In {environment} a way back needs approval by {others}: they look at its plan, {then}."
    start = "it starts as soon as it is planned" if by_itself else "a person starts it once it is planned"
    return f"In {environment} nobody has to approve a way back: {start}."


def _answers(rollout: Rollout) -> dict[str, str]:
    """What the buttons answer where it asks; {} where it does not."""
    if not asks(rollout):
        return {}
    memory = rollout.state.memory
    if any(change["times"] > 1 for change in (memory.get("changed") or {}).values()):
        return MOVED_BY_OTHERS
    measured = bool(memory.get("last") or memory.get("tally") or memory.get("blocked"))
    return UNPROVEN if measured and not memory.get("content") else CONTENT


def _way_back(rollout: Rollout) -> str:
    if rollout.previous is None:
        removed = f"what {rollout.release.version} added is removed"
        return f"{removed}, and {BEFORE_SLIPWAY} comes back" if brings_back_others(rollout) else removed
    requests = "requests first, then " if strategies.find(rollout.strategy).moves_requests else ""
    return f"{requests}objects and configuration go back to {rollout.previous.release.version}"
