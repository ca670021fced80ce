"""What has to hold before an action: one table of rules, read by the actions and by what the screens offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from environments.access import require, roles_of
from environments.models import Environment
from portal.actors import Actor
from portal.audit.vouching import doubts
from portal.roles import Role, Verb
from releases import strategies
from releases.approvals.four_eyes import FOUR_EYES, is_person
from releases.approvals.standing import standing
from releases.identity import Identity
from releases.lifecycle import PENDING, between, followers, live_sibling, running_release, siblings, starts_by_itself
from releases.models import Release, Rollout
from releases.plan.rollback_plan import BEFORE_SLIPWAY
from releases.plan.store import brings_back_others
from releases.states import ENDED, InvalidTransition, Phase
from releases.vouched import Doubtful, doubts_of

Objection = Exception | None
Roles = frozenset[Role] | None
Guard = Callable[[Actor, Rollout], Objection]

UNDER_WAY = frozenset({Phase.PROGRESSING, Phase.VERIFYING})
RUNNING = UNDER_WAY | {Phase.PAUSED}
OVER = frozenset({Phase.FAILED, Phase.ABORTED, Phase.SUCCEEDED})
STOPS = frozenset({"abort", "rollback"})
# What may take the place of a wish that has changed nothing in the cluster yet; every other wish is done first.
GIVES_WAY: Mapping[str, frozenset[str]] = {
    "pause": STOPS,
    "resume": STOPS,
    "start": frozenset({"cancel", "replan", "supersede"}),
}
# What an action makes anew of a rollout, so that it does not matter what was written there; by default the intent.
RENEWED: Mapping[str, frozenset[str]] = {
    "replan": frozenset({"phase", "intent", "plan_digest", "sealed_digest", "needed"}),
}
# What only stops a rollout is done whatever was written to its environment or release.
WAYS_OUT = STOPS | {"pause"}
# What ends it, or puts it back as the history has it, whatever was written.
ENDS = frozenset({"cancel", "reject", "restore"})


@dataclass(frozen=True)
class Rule:
    """One action: who may, in which phases, what else has to hold, and how a screen offers it."""

    label: str
    right: Verb
    phases: frozenset[Phase]
    guards: tuple[Guard, ...] = ()
    danger: bool = False
    needs_comment: bool = False
    on_page: bool = False
    """Whether it is asked on a page of its own, with more to look at than a dialog holds."""
    concerns: Callable[[Rollout], bool] = lambda _rollout: True
    """Whether the screens name it at all."""


@dataclass(frozen=True)
class Offer:
    """An action as it stands for one person and one rollout; `why_not` is "" where it is allowed."""

    verb: str
    label: str
    allowed: bool
    why_not: str
    danger: bool
    needs_comment: bool
    on_page: bool


def objection(actor: Actor, rollout: Rollout, verb: str, roles: Roles = None) -> Objection:
    """Why this person may not do it to this rollout now: the error that the action raises; None where nothing does.

    `roles`: the person's in the rollout's environment where they are known already.
    """
    rule = RULES[verb]
    first = _right(actor, rollout, verb, rule, roles) or _phase(rollout, verb, rule) or _wish(rollout, verb)
    found = (guard(actor, rollout) for guard in rule.guards)
    return first or next((each for each in found if each), None)


def check(actor: Actor, rollout: Rollout, verb: str) -> None:
    """Raises the objection."""
    found = objection(actor, rollout, verb)
    if found:
        raise found


def check_vouched(rollout: Rollout, verb: str) -> None:
    """InvalidTransition where the history does not vouch for what the action leaves as it is."""
    if verb in ENDS:
        return
    renewed = RENEWED.get(verb, frozenset({"intent"}))
    found = [each for each in doubts_of(rollout) if not (each.of(rollout) and each.field in renewed)]
    if verb in WAYS_OUT:
        found = [each for each in found if each.of(rollout)]
    if found:
        raise InvalidTransition(str(Doubtful(found)))


def offer(actor: Actor, rollout: Rollout, verb: str, roles: Roles = None) -> Offer:
    """One action for the screens: the very same guards as the action itself."""
    rule, found = RULES[verb], objection(actor, rollout, verb, roles)
    label = _with_version(rollout, verb, rule.label)
    return Offer(verb, label, found is None, str(found or ""), rule.danger, rule.needs_comment, rule.on_page)


def available(actor: Actor, rollout: Rollout) -> tuple[Offer, ...]:
    """Every action that the rollout's phase knows, with why the others are not for this person."""
    roles = roles_of(actor, rollout.environment)
    fitting = [verb for verb, rule in RULES.items() if rollout.phase in rule.phases and rule.concerns(rollout)]
    return tuple(offer(actor, rollout, verb, roles) for verb in fitting)


def _right(actor: Actor, rollout: Rollout, verb: str, rule: Rule, roles: Roles) -> Objection:
    own = verb == "cancel" and actor.user is not None and actor.user.pk == rollout.requester_id
    try:
        require(actor, Verb.REQUEST if own else rule.right, rollout.environment, roles=roles)
    except PermissionDenied as denied:
        return denied
    return None


def _phase(rollout: Rollout, verb: str, rule: Rule) -> Objection:
    if rollout.phase in rule.phases:
        return None
    fitting = " or ".join(sorted(rule.phases))
    why = f" {rollout.why}" if rollout.why else ""
    return InvalidTransition(
        f"Rollout {rollout.pk} is {rollout.phase}.{why} {_name(verb)} is for one that is {fitting}."
    )


def _wish(rollout: Rollout, verb: str) -> Objection:
    if not rollout.intent or rollout.ended or verb in GIVES_WAY.get(rollout.intent, ()) or verb == "restore":
        return None
    if any(each.field == "intent" for each in doubts([rollout])):
        return None
    wish = rollout.get_intent_display()
    return InvalidTransition(
        f"{rollout.intent_by} has asked for “{wish}” already, and that comes first. Look again in a moment."
    )


def _no_vote_yet(actor: Actor, rollout: Rollout) -> Objection:
    said = [vote for vote in rollout.approvals.all() if vote.revoked_at is None]
    of_this_plan = [vote for vote in said if vote.digest == rollout.plan_digest]
    mine = [vote for vote in of_this_plan if vote.voter.is_same(Identity.of(actor.user))]
    if not mine:
        return None
    return InvalidTransition(f"You have {mine[0].decision} this plan already; everybody has one vote.")


def _not_expired(_actor: Actor, rollout: Rollout) -> Objection:
    if rollout.expires_at and rollout.expires_at <= timezone.now():
        return InvalidTransition("The time to approve this plan is over. Plan it anew.")
    return None


def _started(_actor: Actor, rollout: Rollout) -> Objection:
    if rollout.started_at is None:
        return InvalidTransition(
            "It ended before anything was applied: there is nothing to take back. Ask for the release again."
        )
    return None


def _newest(_actor: Actor, rollout: Rollout) -> Objection:
    later = followers(rollout).select_related("release").order_by("-sequence").first()
    if later is None:
        return None
    return InvalidTransition(
        f"Rollout {later.pk} ({later.release.version}) came after it and is {later.phase}: act on that one, "
        "or undo to an earlier release."
    )


def _alone(_actor: Actor, rollout: Rollout) -> Objection:
    other = live_sibling(rollout)
    if other is None:
        return None
    return InvalidTransition(f"Rollout {other.pk} ({other.release.version}) is {other.phase} there: end it first.")


def _doubted(_actor: Actor, rollout: Rollout) -> Objection:
    return None if doubts([rollout]) else InvalidTransition("It is as the history says: there is nothing to restore.")


def _agreed(_actor: Actor, rollout: Rollout) -> Objection:
    votes = standing(rollout)
    if votes.enough:
        return None
    return InvalidTransition(f"{votes.words} Roll it back, or ask for the release again.")


def _way_back_is_free(_actor: Actor, rollout: Rollout) -> Objection:
    if not rollout.environment.rollback_needs_approval:
        return None
    return InvalidTransition(
        f"In {rollout.environment} a way back needs approval too: undo to the earlier release, which is planned "
        "and approved like any other."
    )


def _runs(rollout: Rollout) -> bool:
    running = running_release(rollout.application_id, rollout.environment_id)
    half = between(rollout.application_id, rollout.environment_id)
    return running is not None and running.pk == rollout.pk and half is None


def _gone(_actor: Actor, rollout: Rollout) -> Objection:
    if not _runs(rollout):
        return None
    return InvalidTransition(
        f"{rollout.release} is what runs in {rollout.environment}: there is nothing to bring back."
    )


def _kept(_actor: Actor, rollout: Rollout) -> Objection:
    if rollout.plan_digest:
        return None
    return InvalidTransition(f"What rollout {rollout.pk} had applied is not stored: ask for the release again.")


def _not_on_its_way_back(_actor: Actor, rollout: Rollout) -> Objection:
    return on_its_way(rollout.release, rollout.environment, Rollout.Kind.UNDO)


def on_its_way(release: Release, environment: Environment, kind: str) -> Objection:
    """What a second request of the same kind is told while the first has not ended."""
    under_way = Rollout.objects.filter(release=release, environment=environment, kind=kind).exclude(phase__in=ENDED)
    existing = under_way.first()
    if existing is None:
        return None
    return InvalidTransition(
        f"{release} is on its way to {environment} already: rollout {existing.pk} is {existing.phase}."
    )


def _asked_to_start(_actor: Actor, rollout: Rollout) -> Objection:
    if not starts_by_itself(rollout):
        return None
    return InvalidTransition(f"It starts by itself. {rollout.why}".strip())


def _waits(_actor: Actor, rollout: Rollout) -> Objection:
    if rollout.phase == Phase.PAUSED or _moves_requests(rollout):
        return None
    return InvalidTransition("Nothing waits for a person here: this rollout goes on by itself as soon as it can.")


def _judged(_actor: Actor, rollout: Rollout) -> Objection:
    if _moves_requests(rollout):
        return None
    return InvalidTransition("There are no checks to skip: this rollout does not move requests step by step.")


def _moves_requests(rollout: Rollout) -> bool:
    return strategies.find(rollout.strategy).moves_requests


def _something_ahead(_actor: Actor, rollout: Rollout) -> Objection:
    return None if overtaken(rollout) else InvalidTransition("Nothing is ahead of it; there is nothing to supersede.")


def overtaken(rollout: Rollout) -> list[Rollout]:
    """What `supersede` ends: older rollouts that wait, and the live one unless it is on its way out."""
    older = siblings(rollout).filter(phase__in=PENDING, pk__lt=rollout.pk)
    live = siblings(rollout).filter(phase__in=RUNNING)
    # The newest first: two people who supersede at once then lock the rows in one order.
    return list((older | live).order_by("-pk"))


RULES: Mapping[str, Rule] = {
    "approve": Rule(
        "Approve",
        Verb.APPROVE,
        frozenset({Phase.AWAITING_APPROVAL}),
        (*FOUR_EYES, _no_vote_yet, _not_expired),
        needs_comment=True,
    ),
    "reject": Rule(
        "Reject",
        Verb.APPROVE,
        frozenset({Phase.AWAITING_APPROVAL}),
        (is_person, _no_vote_yet),
        danger=True,
        needs_comment=True,
    ),
    "start": Rule("Start", Verb.START, frozenset({Phase.WAITING}), (_asked_to_start,)),
    "pause": Rule("Pause", Verb.PAUSE, UNDER_WAY),
    "resume": Rule("Resume", Verb.PAUSE, frozenset({Phase.PAUSED})),
    "promote": Rule("Promote", Verb.PROMOTE, RUNNING, (_waits,)),
    "promote-fully": Rule("Promote fully", Verb.PROMOTE, RUNNING, (_judged,), danger=True, needs_comment=True),
    "retry": Rule("Try again", Verb.START, frozenset({Phase.FAILED}), (_started, _newest, _alone, _agreed)),
    "supersede": Rule("Go first", Verb.ABORT, frozenset({Phase.WAITING}), (_something_ahead,), danger=True),
    "replan": Rule("Plan anew", Verb.REQUEST, frozenset({Phase.AWAITING_APPROVAL, Phase.WAITING})),
    "cancel": Rule("Cancel", Verb.ABORT, frozenset(PENDING), danger=True),
    "abort": Rule("Abort", Verb.ABORT, RUNNING, danger=True),
    "restore": Rule(
        "Restore from the history",
        Verb.ABORT,
        frozenset(Phase),
        (_doubted,),
        danger=True,
        concerns=lambda rollout: bool(doubts([rollout])),
    ),
    "rollback": Rule(
        "Roll back",
        Verb.ROLLBACK,
        RUNNING | OVER,
        (_started, _newest, _alone, _way_back_is_free),
        danger=True,
    ),
    "undo": Rule(
        "Bring back",
        Verb.ROLLBACK,
        frozenset({Phase.SUCCEEDED}),
        (_gone, _kept, _not_on_its_way_back),
        danger=True,
        needs_comment=True,
        on_page=True,
        concerns=lambda rollout: not _runs(rollout),
    ),
}

NAMES = {
    "approve": "Approving",
    "promote-fully": "Promoting fully",
    "reject": "Rejecting",
    "rollback": "Rolling back",
    "cancel": "Cancelling",
    "undo": "Bringing back",
}


def _name(verb: str) -> str:
    return NAMES.get(verb, f"“{verb.capitalize()}”")


def _with_version(rollout: Rollout, verb: str, label: str) -> str:
    if verb in ("approve", "reject"):
        return f"{label} {rollout.release.version} for {rollout.environment}"
    if verb == "undo":
        return f"Bring {rollout.release.version} back"
    if verb in STOPS:
        joined = ", back to" if verb == "abort" else " to"
        return f"{label}{joined} {rollout.previous.release.version}" if rollout.previous else _of_first(rollout, label)
    return label


def _of_first(rollout: Rollout, label: str) -> str:
    """Where no release ran before: taking away what this one added, or restoring what it took over."""
    if brings_back_others(rollout):
        return f"{label}, back to {BEFORE_SLIPWAY}" if label == RULES["abort"].label else f"{label} to {BEFORE_SLIPWAY}"
    return f"{label}: remove what {rollout.release.version} added"
