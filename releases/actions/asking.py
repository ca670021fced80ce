"""Request, undo, plan anew: what makes a plan."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from environments.access import require
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases.actions.changing import changing, checked_comment
from releases.chronicle import entry
from releases.errors import Unacceptable
from releases.models import Application, Release, Rollout
from releases.queueing import back_to_planning, running_release
from releases.recommending import Recommendation, recommend, traits_of
from releases.rollout import strategies
from releases.states import ENDED, InvalidTransition, Phase
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
    """A new rollout that brings back the objects of an earlier one that succeeded there, as they were stored."""
    require(actor, Verb.ROLL_BACK, environment)
    _check_target(application, environment, to)
    with transaction.atomic():
        _lock(application)
        _not_twice(to.release, environment, Rollout.Kind.UNDO)
        asked = Rollout(
            release=to.release,
            kind=Rollout.Kind.UNDO,
            strategy=to.strategy,
            parameters=to.parameters,
            source_plan=to.plan_digest,
        )
        return _begin(actor, asked, environment, "rollout.undo-requested", reason)


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
    asked.phase, asked.due_at = Phase.PLANNING, timezone.now()
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
    under_way = Rollout.objects.filter(release=release, environment=environment, kind=kind).exclude(phase__in=ENDED)
    existing = under_way.first()
    if existing:
        raise InvalidTransition(
            f"{release} is on its way to {environment} already: rollout {existing.pk} is {existing.phase}."
        )


def _check_target(application: Application, environment: Environment, to: Rollout) -> None:
    if (to.application_id, to.environment_id) != (application.pk, environment.pk):
        raise Unacceptable(f"Rollout {to.pk} is not of {application} in {environment}.")
    if to.phase != Phase.SUCCEEDED or not to.plan_digest:
        raise Unacceptable(f"Rollout {to.pk} is {to.phase}: only one that succeeded can be brought back.")
    running = running_release(application.pk, environment.pk)
    if running and running.pk == to.pk:
        raise Unacceptable(f"{to.release} is what runs in {environment}: there is nothing to bring back.")
