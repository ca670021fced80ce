"""Planning: what will happen is worked out with registry and cluster, outside any transaction, and then frozen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from environments.clusters import ConnectError, gateway_for
from environments.kube.api.client import Gateway
from environments.kube.api.errors import KubeError
from environments.kube.apply.managers import SPARED
from environments.kube.objects import Owner, Ref
from environments.manifests.errors import BundleError
from environments.manifests.hooks import Hook
from environments.manifests.images import repository_of
from environments.models import Environment
from portal import blobs
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable
from releases import strategies, vouched
from releases.audit_entries import entry
from releases.engine.facts import Work
from releases.errors import PlanPostponed, PlanRefused
from releases.lifecycle import end, move, required_approvals, running_release, save, unfinished_since
from releases.models import Rollout, Step
from releases.plan import compose, pruning, store, taking_over
from releases.plan.drift import Drift, compare
from releases.plan.objects import Plan, Sighting, Wanted, lasting_by_key, ref_in
from releases.plan.risks import Circumstances
from releases.plan.rollback_plan import BEFORE_SLIPWAY, is_touched, label
from releases.plan.secret_values import Masks, Sealed, load_sealed, manifests_of, seal, store_sealed
from releases.planning import admission, dry_run, jobs, rights, sharing
from releases.planning.arrange import arrange
from releases.planning.owners import Owners, owner_for, sequence_of_others
from releases.planning.sources import Source, source_of, staying_jobs, wanted_of
from releases.planning.taking import is_alive, taking
from releases.planning.undisturbed import Undisturbed, changed_configuration, references_of
from releases.planning.way_back import BackwardLook
from releases.states import Phase
from releases.strategies.shared.hooks import with_hooks
from releases.wake import wake

log = structlog.get_logger(__name__)

RETRY_PAUSES = (2, 5, 10, 30, 60)
LONGEST_PAUSE = 300.0  # whatever a server names: a person may have mended it long before


@dataclass(frozen=True)
class Planned:
    """A plan, the values of its Secrets, and the rollout that is its way back."""

    document: Plan
    sealed: Sealed
    previous: Rollout | None = None


def plan_rollout(rollout_id: int, *, now: datetime | None = None) -> None:
    """Plans a rollout in phase planning and stores what came of it: a plan, a refusal, or a later try.

    Nothing is stored where the rollout has changed meanwhile. Call it outside any transaction.
    """
    rollout = _load(rollout_id)
    if rollout.phase != Phase.PLANNING:
        return
    moment = now or timezone.now()
    try:
        planned = make_plan(rollout, gateway_for(rollout.environment.cluster))
    except PlanPostponed as fault:
        if fault.tries and rollout.attempts + 1 >= fault.tries:
            _refuse(rollout, f"{fault}\nTried {fault.tries} times. {fault.advice}".strip(), moment)
        else:
            _postpone(rollout, str(fault), fault.retry_after, moment)
    except (ConnectError, SecretUnreadable, BlobError) as error:
        _postpone(rollout, str(error), None, moment)
    except (PlanRefused, BundleError) as refusal:
        _refuse(rollout, str(refusal), moment)
    else:
        _store(rollout, planned, moment)


def pause_after(attempts: int, retry_after: float | None = None) -> float:
    """Seconds before what could not be done is tried again, by attempts so far and what the server asks for."""
    pause = RETRY_PAUSES[min(attempts, len(RETRY_PAUSES) - 1)]
    return min(max(pause, retry_after or 0.0), LONGEST_PAUSE)


def plan_now(rollout: Rollout) -> Rollout:
    """Plans at once instead of leaving it to the orchestrator; the rollout as it is then."""
    plan_rollout(rollout.pk)
    rollout.refresh_from_db()
    return rollout


def make_plan(rollout: Rollout, gateway: Gateway) -> Planned:
    """The plan as registry and cluster have it now.

    Raises BundleError and PlanRefused where it cannot go as asked, PlanPostponed where it may later.
    """
    try:
        source = source_of(rollout, gateway)
        with rights.explained(gateway, source.objects, strategies.find(rollout.strategy)):
            return _plan_of(rollout, arrange(rollout, source, gateway), gateway)
    except KubeError as error:
        raise dry_run.verdict(error) from error


def confirm(rollout: Rollout) -> Drift | None:
    """What in the cluster is no longer as the plan has it. Raises PlanPostponed where it cannot be told.

    The objects are the plan's own; registry, bundle and configuration are not asked again.
    """
    plan = store.load_plan(rollout)
    manifests = manifests_of(plan, load_sealed(rollout.sealed_digest))
    objects = tuple(
        Wanted(
            manifest,
            ref_in(row),
            row["stage"],
            row["wave"],
            temporary=row.get("temporary", False),
            hook=Hook.from_json(row["hook"]) if row.get("hook") else None,
            job=row.get("job", ""),
        )
        for row, manifest in zip(plan["objects"], manifests, strict=True)
    )
    source = Source(
        objects,
        plan["images"],
        plan["references"],
        tuple(plan["smoke_tests"]),
        traffic=tuple(plan["traffic"]),
        spare=tuple(plan.get("spare", SPARED)),
        stored=True,
        stays=staying_jobs(store.load(rollout.source_plan)) if rollout.source_plan else (),
        way_back=tuple(wanted_of(row) for row in plan.get("back", {}).get("objects", ())),
    )
    try:
        again = _plan_of(rollout, source, gateway_for(rollout.environment.cluster), tries_back=False)
    except PlanRefused as refusal:
        return Drift((), str(refusal))
    return compare(plan, again.document)


def _plan_of(rollout: Rollout, source: Source, gateway: Gateway, *, tries_back: bool = True) -> Planned:
    try:
        return _ask(rollout, source, gateway, tries_back=tries_back)
    except KubeError as error:
        raise dry_run.verdict(error) from error


def _ask(rollout: Rollout, source: Source, gateway: Gateway, *, tries_back: bool) -> Planned:
    previous = running_release(rollout.application_id, rollout.environment_id)
    before = store.load_plan(previous) if previous else None
    leftovers = _leftovers(rollout, previous)
    earlier = [before, *(plan for plan, _sealed in leftovers)]
    refs = [each.ref for each in source.objects]
    handed_over = [ref for entry in strategies.entries(source.traffic) for ref in entry.handed_over]
    owner = owner_for(rollout)
    # A Job that undoes a release is made anew each time that one goes back.
    undoing = pruning.undoing(refs, [each.ref for each in source.way_back], earlier)
    going = (*pruning.dropped([*refs, *handed_over, *source.stays], earlier), *undoing)
    around = dry_run.survey(gateway, source.objects, going)
    around = replace(around, ran=jobs.ran_before(before), owner=owner)
    objects = (*_namespaces(rollout, owner, around.missing, refs), *source.objects)
    masks = Masks(rollout.environment_id)
    public, _ = seal([each.manifest for each in objects], masks)
    take = taking(rollout, source, _changed(before, objects, public))
    changes = changed_configuration(before, [plan for plan, _sealed in leftovers], masks)
    calm = Undisturbed(gateway, references_of(source.references, source.images), changes)
    tried = dry_run.sight(gateway, objects, dry_run.Asking(around, masks, take, None if source.stored else calm))
    shares = sharing.divide(rollout, tried)
    sightings = shares.own
    manifests = [each.wanted.manifest for each in sightings]
    owners = Owners(rollout)
    owners.refuse(sightings)
    live = dry_run.read_all(gateway, going)
    prune, left = _prunes(rollout, pruning.prune_rows(going, owners.without_others(live), owner))
    lacking = rights.note(gateway, objects, [ref_in(row) for row in prune], strategies.find(rollout.strategy))
    admitted = admission.notes(rollout, [each.wanted.manifest for each in tried])
    public, sealed = seal(manifests, masks)
    back = compose.WayBack()
    if previous:
        back = compose.WayBack(previous.pk, previous.release.version, previous.plan_digest, before)
    if tries_back:
        look = BackwardLook(gateway, owner, masks)
        back = replace(back, objects=look.undoing(source.way_back))
        back, values = look.completed(back, previous, list(zip(sightings, public, strict=True)), leftovers)
        sealed |= values
    told = (
        *admitted,
        *shares.notes,
        left,
        lacking,
        *calm.notes(sightings, source.images.values()),
        *jobs.notes(sightings, source.left_out),
        ("Stays, as it says itself", ", ".join(pruning.spared(going, live, owner))),
        *owners.notes(sightings, live),
        *_notes(rollout, source, gateway, sightings, previous, pruning.kept(refs, earlier)),
    )
    known = Circumstances(_versions(before, source), told)
    document = compose.compose(
        _header(rollout, source, sightings), sightings, public, prune, back, known, shares.shared
    )
    return Planned(_with_steps(document), sealed, previous)


def _prunes(rollout: Rollout, rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], tuple[str, str]]:
    """What is deleted, and a note of what others have too and so stays."""
    going = [ref_in(row) for row in rows]
    kept = sharing.kept_for(rollout, going)
    return [row for row in rows if ref_in(row).key not in kept], sharing.kept_note(going, kept)


def _with_steps(document: Plan) -> Plan:
    strategy = strategies.find(document["strategy"]["name"])
    work = Work.of({**document, "steps": ()})
    return {**document, "steps": [step.to_json() for step in with_hooks(work, strategy.steps(work))]}


def _leftovers(rollout: Rollout, previous: Rollout | None) -> list[tuple[Plan, str]]:
    """Plans that were begun after the running one and came to nothing, each with where its Secrets are."""
    started = unfinished_since(previous, rollout.application_id, rollout.environment_id)
    digests = {each.plan_digest: each.sealed_digest for each in started if each.pk != rollout.pk and each.plan_digest}
    return [(store.load(digest), sealed) for digest, sealed in digests.items()]


def _namespaces(rollout: Rollout, owner: Owner, missing: Iterable[str], refs: Iterable[Ref]) -> tuple[Wanted, ...]:
    to_come = compose.namespaces_to_create(missing, owner, refs)
    if to_come and not rollout.environment.create_namespaces:
        names = ", ".join(each.ref.name for each in to_come)
        raise PlanRefused(
            f"The namespace {names} is not there, and {rollout.environment} does not let Slipway create it. "
            "Create it, or allow that in the environment."
        )
    return to_come


def _header(rollout: Rollout, source: Source, sightings: Iterable[Sighting]) -> compose.Header:
    return compose.Header(
        application=rollout.application.name,
        environment=rollout.environment.name,
        namespace=rollout.environment.namespace_for(rollout.application.name),
        version=rollout.release.version,
        kind=rollout.kind,
        strategy=rollout.strategy,
        parameters=rollout.parameters,
        images=source.images,
        references=source.references,
        smoke_tests=source.smoke_tests,
        traffic=source.traffic,
        spare=source.spare,
        above=sequence_of_others(rollout, sightings),
        masks=rollout.environment_id,
    )


def _changed(before: Plan | None, objects: Iterable[Wanted], public: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Ref.key of what is another than in the plan of what runs."""
    had = lasting_by_key(before)
    pairs = zip(objects, public, strict=True)
    return frozenset(each.ref.key for each, now in pairs if is_touched(had.get(each.ref.key), {"manifest": now}))


def _versions(before: Plan | None, source: Source) -> dict[str, tuple[str, str]]:
    known = before["references"] if before else {}
    return {name: (_tag(known[name]), _tag(now)) for name, now in source.references.items() if name in known}


def _tag(reference: str) -> str:
    return reference.partition("@")[0].removeprefix(repository_of(reference)).lstrip(":")


def _notes(
    rollout: Rollout,
    source: Source,
    gateway: Gateway,
    sightings: Sequence[Sighting],
    previous: Rollout | None,
    kept: Iterable[Ref],
) -> tuple[tuple[str, str], ...]:
    owner = owner_for(rollout)
    strangers = [each for each in sightings if each.preview.live and not each.is_ours(owner)]
    unowned = [each.ref.text for each in strangers if not each.preview.taken]
    return (
        *taking_over.notes(sightings, source.spare, lambda each: is_alive(gateway, each)),
        ("Taken in as it is", ", ".join(unowned[:5]) + (f" and {len(unowned) - 5} more" if len(unowned) > 5 else "")),
        ("Not proven before", _unproven(rollout)),
        ("An image has changed under its tag", _moved_images(rollout, source)),
        ("Stays, since data would go with it", ", ".join(ref.text for ref in kept if ref.kind != "Namespace")),
        ("Not used", " ".join(source.unused)),
        ("Cannot be brought back", "; ".join(source.left)),
        *source.notes,
        ("First release here", "" if previous else _first(rollout, sightings)),
    )


def _first(rollout: Rollout, sightings: Iterable[Sighting]) -> str:
    taken = any(each.preview.live and not each.is_ours(owner_for(rollout)) for each in sightings)
    removed = f"Going back removes what {rollout.release.version} added"
    return f"{removed}, and restores {BEFORE_SLIPWAY} of what it takes over." if taken else f"{removed}."


def _unproven(rollout: Rollout) -> str:
    """Whether it skips the environment before this one; unnamed, since who sees this one may not see that."""
    earlier = Environment.objects.filter(order__lt=rollout.environment.order).order_by("-order").first()
    if earlier is None or rollout.kind == Rollout.Kind.UNDO:
        return ""
    proven = Rollout.objects.filter(release=rollout.release, environment=earlier, phase=Phase.SUCCEEDED)
    return "" if proven.exists() else f"{rollout.release.version} has not succeeded in the environment before this."


def _moved_images(rollout: Rollout, source: Source) -> str:
    others = Rollout.objects.filter(release=rollout.release).exclude(plan_digest="").exclude(pk=rollout.pk)
    other = others.order_by("-pk").first()
    images = store.load_plan(other)["images"] if other else {}
    known = {name: pinned for name, pinned in images.items() if "@" in pinned}
    moved = [name for name, pinned in source.images.items() if "@" in pinned and known.get(name, pinned) != pinned]
    return f"{', '.join(moved)}: another digest than where it was planned before." if moved else ""


def _load(rollout_id: int) -> Rollout:
    related = Rollout.objects.select_related("release__bundle", "application", "environment__cluster")
    return related.get(pk=rollout_id)


def _store(rollout: Rollout, planned: Planned, now: datetime) -> None:
    with transaction.atomic():
        current = _unchanged(rollout)
        if current is None:
            return
        current.plan_digest = blobs.store_json(planned.document)
        current.sealed_digest = store_sealed(planned.sealed)
        current.previous = planned.previous
        needed = current.needed = required_approvals(current)
        phase = Phase.AWAITING_APPROVAL if needed else Phase.WAITING
        move(current, phase, f"Waits for {needed} approval{'s' if needed > 1 else ''}." if needed else "")
        current.planned_at, current.attempts = now, 0
        current.expires_at = now + timedelta(hours=current.environment.approval_hours)
        current.due_at = current.expires_at if needed else now
        save(current)
        _store_steps(current, planned.document)
        entry(current, "rollout.planned", {"digest": current.plan_digest, "back": label(planned.document)})
        if not needed:
            wake(current)


def _store_steps(rollout: Rollout, plan: Plan) -> None:
    rollout.steps.all().delete()
    Step.objects.bulk_create(
        Step(rollout=rollout, track="forward", index=index, label=step["label"])
        for index, step in enumerate(plan["steps"])
    )


def _refuse(rollout: Rollout, words: str, now: datetime) -> None:
    with transaction.atomic():
        current = _unchanged(rollout)
        if current is None:
            return
        end(current, Phase.FAILED, words, now)
        save(current)
        entry(current, "rollout.refused", {"why": words})


def _postpone(rollout: Rollout, words: str, retry_after: float | None, now: datetime) -> None:
    with transaction.atomic():
        current = _unchanged(rollout)
        if current is None:
            return
        current.due_at = now + timedelta(seconds=pause_after(current.attempts, retry_after))
        current.attempts += 1
        current.why = f"Cannot be planned yet: {words}"
        save(current)
    log.info("A plan is postponed.", rollout=rollout.pk, why=words, attempts=rollout.attempts + 1)


def _unchanged(rollout: Rollout) -> Rollout | None:
    """The locked row, where it still is the one that was planned. Doubtful where the history has another."""
    rows = Rollout.objects.select_for_update(of=("self",)).select_related("release", "application", "environment")
    current = rows.get(pk=rollout.pk)
    vouched.check(current)
    return current if (current.version, current.phase) == (rollout.version, Phase.PLANNING) else None
