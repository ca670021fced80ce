"""Rollouts: asking for one, looking at it, and a person's verbs."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Status

from environments.access import environment_for
from environments.kube.policies import Policy
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases import actions, revisions
from releases.api import parameters
from releases.api.parameters import (
    ApplicationFilter,
    Before,
    EnvironmentFilter,
    Later,
    Limit,
    PhaseFilter,
    ReleaseFilter,
    RolloutId,
    RolloutVerb,
)
from releases.api.releases import actor_of, application_named, release_of
from releases.api.shapes import (
    ApprovalsOut,
    AutoscalerOut,
    LostVoteOut,
    OfferOut,
    PolicyOut,
    RevisionOut,
    RolloutIn,
    RolloutOut,
    Said,
    StepOut,
    UndoIn,
)
from releases.approvals.standing import standing
from releases.models import Application, Rollout
from releases.plan.store import plan_of
from releases.related_objects import autoscalers_of, policies_of
from releases.states import Phase
from releases.visibility import said_to, visible_rollout, visible_rollouts

router = Router(tags=["rollouts"])


@router.get("/rollouts", response=list[RolloutOut])
def list_rollouts(
    request: HttpRequest,
    application: ApplicationFilter = "",
    environment: EnvironmentFilter = "",
    phase: PhaseFilter = "",
    release: ReleaseFilter = "",
    limit: Limit = 50,
) -> list[RolloutOut]:
    """The newest rollouts where the token may look."""
    actor = actor_of(request)
    wanted: dict[str, Any] = {"application__name": application, "environment__name": environment, "phase": phase}
    found = visible_rollouts(actor).filter(**{name: value for name, value in wanted.items() if value})
    if release:
        found = found.filter(release=release_of(actor, release))
    return [shown(rollout) for rollout in found[: max(1, min(limit, 500))]]


@router.post("/rollouts", response={201: RolloutOut})
def post_rollout(request: HttpRequest, wanted: RolloutIn) -> Status[RolloutOut]:
    """Asks for a rollout; the orchestrator plans it next."""
    actor = actor_of(request)
    rollout = actions.request(
        actor,
        release_of(actor, wanted.release),
        environment_for(actor, Verb.REQUEST, wanted.environment),
        strategy=wanted.strategy,
        parameters=wanted.parameters,
        strategy_reason=wanted.strategy_reason,
        reason=wanted.comment,
    )
    return Status(201, shown(rollout))


@router.post("/undo", response={201: RolloutOut})
def post_undo(request: HttpRequest, wanted: UndoIn) -> Status[RolloutOut]:
    """Asks for what an earlier rollout had applied, as it was stored: a new rollout, planned and approved as any."""
    actor = actor_of(request)
    application = application_named(actor, wanted.application)
    environment = environment_for(actor, Verb.ROLLBACK, wanted.environment)
    target = earlier(application, environment, rollout=wanted.rollout, version=wanted.version, number=wanted.revision)
    return Status(201, shown(actions.undo(actor, application, environment, target, reason=wanted.comment)))


@router.get("/revisions", response=list[RevisionOut])
def list_revisions(
    request: HttpRequest, application: parameters.Application, environment: parameters.Environment
) -> list[RevisionOut]:
    """What an application was in an environment, newest first; the highest number is what runs."""
    return [_revision(each) for each in _revisions(actor_of(request), application, environment)]


@router.get("/revisions/compare")
def compare_revisions(
    request: HttpRequest,
    application: parameters.Application,
    environment: parameters.Environment,
    before: Before,
    after: Later,
) -> dict[str, Any]:
    """What changed between two revisions: `changes` and `prune` as a plan has them."""
    found = {each.number: each for each in _revisions(actor_of(request), application, environment)}
    there = revisions.span(list(found.values()))
    for number in (before, after):
        if number not in found:
            raise Http404(f"{application} has no revision {number} in {environment}; {there}.")
    told = revisions.between(found[before], found[after])
    return {"changes": told["changes"], "prune": told["prune"]}


@router.get("/rollouts/{rollout_id}", response=RolloutOut)
def get_rollout(request: HttpRequest, rollout_id: RolloutId) -> RolloutOut:
    """One rollout with its steps, and the verbs as they stand for this token."""
    actor = actor_of(request)
    return detailed(visible_rollout(actor, rollout_id), actor)


@router.get("/rollouts/{rollout_id}/plan")
def get_plan(request: HttpRequest, rollout_id: RolloutId) -> dict[str, Any]:
    """The canonical plan whose SHA-256 is the digest; secret values are keyed hashes."""
    plan = plan_of(visible_rollout(actor_of(request), rollout_id))
    if plan is None:
        raise Http404(f"Rollout {rollout_id} has no plan yet.")
    return plan


@router.post("/rollouts/{rollout_id}/{verb}", response=RolloutOut)
def post_verb(request: HttpRequest, rollout_id: RolloutId, verb: RolloutVerb, said: Said | None = None) -> RolloutOut:
    """One of approve, reject, start, pause, resume, promote, promote-fully, retry, abort, rollback, cancel, supersede,
    replan; undo, which answers with the new rollout that brings this one back."""
    actor, said = actor_of(request), said or Said()
    if not actions.known(verb):
        raise Http404(f"A rollout has no verb {verb!r}.")
    rollout = visible_rollout(actor, rollout_id)
    done = actions.perform(verb, actor, rollout, comment=said.comment, digest=said.digest)
    done.rollout.refresh_from_db()
    return detailed(done.rollout, actor)


def _revisions(actor: Actor, application: str, environment: str) -> list[revisions.Revision]:
    place = environment_for(actor, Verb.VIEW, environment)
    return revisions.revisions(application_named(actor, application), place)


def _revision(each: revisions.Revision) -> RevisionOut:
    return RevisionOut(
        number=each.number,
        rollout=each.rollout.pk,
        version=each.version,
        strategy=each.rollout.strategy,
        kind=each.rollout.kind if each.number else "before",
        requested_by=each.rollout.requested_by,
        finished=each.rollout.finished_at,
        digest=each.rollout.plan_digest,
        running=each.running,
    )


def earlier(
    application: Application,
    environment: Environment,
    *,
    rollout: int | None = None,
    version: str = "",
    number: int | None = None,
) -> Rollout:
    """The newest succeeded rollout by id, version or revision, or the one before what runs; Http404 for none."""
    if number is not None:
        found_revision = revisions.revision(application, environment, number)
        rollout = found_revision.rollout.pk if found_revision and number else 0
    found = Rollout.objects.filter(application=application, environment=environment, phase=Phase.SUCCEEDED)
    found = found.order_by("-sequence", "-pk")
    if rollout is not None:
        target = found.filter(pk=rollout).first()
    elif version:
        target = found.filter(release__version=version).first()
    else:
        target = next(iter(found[1:2]), None)
    if target is None:
        what = (
            f"revision {number}"
            if number is not None
            else f"rollout {rollout}"
            if rollout
            else f"version {version}"
            if version
            else "earlier rollout"
        )
        raise Http404(f"No {what} of {application} has succeeded in {environment}.")
    return target


def shown(rollout: Rollout) -> RolloutOut:
    """The rollout as lists give it, without steps and verbs."""
    return RolloutOut(**_fields(rollout))


def detailed(rollout: Rollout, actor: Actor) -> RolloutOut:
    """The rollout as a whole."""
    offers = [
        OfferOut(verb=offer.verb, allowed=offer.allowed, why_not=offer.why_not)
        for offer in actions.available(actor, rollout)
    ]
    return RolloutOut(
        **_fields(rollout),
        said=said_to(actor, rollout),
        steps=list(_steps(rollout)),
        verbs=offers,
        approvals=_approvals(rollout),
        **_beside(rollout),
    )


def _approvals(rollout: Rollout) -> ApprovalsOut:
    votes = standing(rollout)
    return ApprovalsOut(
        needed=votes.needed,
        counted=[vote.name for vote in votes.counted],
        lost=[LostVoteOut(name=vote.name, why=vote.why_not) for vote in votes.lost],
        doubts=list(votes.doubts),
    )


def _beside(rollout: Rollout) -> dict[str, Any]:
    plan = plan_of(rollout)
    return {
        "policies": [_policy(policy) for policy in policies_of(rollout, plan)],
        "autoscaling": [
            AutoscalerOut(workload=ref.text, **asdict(scaler))
            for ref, scalers in autoscalers_of(rollout, plan)
            for scaler in scalers
        ],
    }


def _policy(policy: Policy) -> PolicyOut:
    ref = {"kind": policy.ref.kind, "namespace": policy.ref.namespace, "name": policy.ref.name}
    said = {"does": policy.does, "state": policy.state, "note": policy.note}
    return PolicyOut(family=policy.family, title=policy.title, **ref, **said)


def _fields(rollout: Rollout) -> dict[str, Any]:
    return {
        "id": rollout.pk,
        "release": rollout.release_id,
        "application": rollout.application.name,
        "version": rollout.release.version,
        "environment": rollout.environment.name,
        "kind": rollout.kind,
        "strategy": rollout.strategy,
        "parameters": rollout.parameters,
        "recommended": rollout.recommended,
        "strategy_reason": rollout.strategy_reason,
        "phase": rollout.phase,
        "why": rollout.why,
        "digest": rollout.plan_digest,
        "requested_by": rollout.requested_by,
        "previous": rollout.previous_id,
        "created": rollout.created_at,
        "started": rollout.started_at,
        "finished": rollout.finished_at,
        "expires": rollout.expires_at,
    }


def _steps(rollout: Rollout) -> Iterable[StepOut]:
    for step in sorted(rollout.steps.all(), key=lambda step: (step.track != "forward", step.index)):
        yield StepOut(
            label=step.label,
            track=step.track,
            state=step.state,
            started=step.started_at,
            finished=step.finished_at,
            why=step.why,
        )
