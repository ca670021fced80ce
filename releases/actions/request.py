"""Request, undo, plan anew: what makes a plan."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from environments.access import require
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases import strategies
from releases.actions import guards
from releases.actions.transaction import changing, checked_comment, locked
from releases.audit_entries import entry
from releases.errors import Unacceptable
from releases.lifecycle import back_to_planning, running_release
from releases.models import Application, Release, Rollout
from releases.recommending import Recommendation, recommend, traits_of
from releases.wake import wake

RECOMMENDED = "recommended"


def request(
    actor: Actor,
    release: Release,
    environment: Environment,
    *,
    strategy: str = "",
    parameters: Mapping[str, Any] | None = None,
    strategy_reason: str = "",
    reason: str = "",
) -> Rollout:
    """A new rollout, to be planned by the orchestrator. The strategy is the application's unless named.

    "recommended" stands for the one that the kind of change asks for. `strategy_reason` says why it is another.

    Raises PermissionDenied, Unacceptable for a strategy or parameter that does not fit, InvalidTransition where
    the same release is on its way there already.
    """
    require(actor, Verb.REQUEST, environment)
    advice = recommend(traits_of(release, environment))
    name = advice.strategy if strategy == RECOMMENDED else strategy or release.application.strategy
    own = release.application.parameters if name == release.application.strategy else {}
    checked = _parameters(name, {**own, **(parameters or {})})
    with transaction.atomic():
        _lock(release.application)
        _not_twice(release, environment, Rollout.Kind.RELEASE)
        asked = Rollout(
            release=release,
            strategy=name,
            parameters=checked,
            recommended=advice.strategy,
            strategy_reason=_why_other(advice, name, strategy_reason, named=bool(strategy)),
        )
        return _begin(actor, asked, environment, "rollout.requested", reason)


def undo(actor: Actor, application: Application, environment: Environment, to: Rollout, *, reason: str = "") -> Rollout:
    """A new rollout that brings back the objects of an earlier one that succeeded there, as they were stored.

    Raises what the guards of "undo" raise, and Unacceptable without a reason.
    """
    if (to.application_id, to.environment_id) != (application.pk, environment.pk):
        raise Unacceptable(f"Rollout {to.pk} is not of {application} in {environment}.")
    with transaction.atomic():
        _lock(application)
        earlier = locked(to)
        guards.check(actor, earlier, "undo")
        guards.check_vouched(earlier, "undo")
        said = checked_comment(reason, needed=guards.RULES["undo"].needs_comment)
        asked = Rollout(
            release=earlier.release,
            kind=Rollout.Kind.UNDO,
            strategy=earlier.strategy,
            parameters=earlier.parameters,
            source_plan=earlier.plan_digest,
        )
        return _begin(actor, asked, environment, "rollout.undo-requested", said)


def bring_back(actor: Actor, earlier: Rollout, comment: str = "") -> Rollout:
    """Undo to this very rollout."""
    return undo(actor, earlier.application, earlier.environment, earlier, reason=comment)


def replan(actor: Actor, rollout: Rollout, reason: str = "") -> Rollout:
    """Plans anew against the cluster as it is; what people said of the old plan no longer counts."""
    with changing(actor, rollout, "replan", "rollout.replanned", reason) as change:
        change.data = {"digest": change.rollout.plan_digest}
        back_to_planning(change.rollout)
    return rollout


def _begin(actor: Actor, asked: Rollout, environment: Environment, line: str, reason: str) -> Rollout:
    asked.application, asked.environment = asked.release.application, environment
    asked.ask_as(actor.user)
    asked.requested_by = actor.name
    asked.due_at = timezone.now()
    asked.previous = running_release(asked.application.pk, environment.pk)
    asked.save()
    said = checked_comment(reason, needed=False)
    data = {
        "strategy": asked.strategy,
        "parameters": asked.parameters,
        "recommended": asked.recommended,
        "strategy_reason": asked.strategy_reason,
    } | ({"comment": said} if said else {})
    entry(asked, line, data, actor=actor)
    wake(asked)
    return asked


def _why_other(advice: Recommendation, chosen: str, reason: str, *, named: bool) -> str:
    """Why another strategy than the recommended one is taken; "" where it is that one."""
    if chosen == advice.strategy:
        return ""
    said = checked_comment(reason, needed=False)
    return said or ("No reason was given." if named else "It is the application's usual strategy.")


def _parameters(strategy: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return strategies.find(strategy).check(parameters)
    except ValueError as error:
        raise Unacceptable(str(error)) from error


def _lock(application: Application) -> None:
    """Requests of one application go one after the other, so that none is made twice."""
    Application.objects.select_for_update().get(pk=application.pk)


def _not_twice(release: Release, environment: Environment, kind: str) -> None:
    if found := guards.on_its_way(release, environment, kind):
        raise found
