"""What a rollout is planned from: the release's bundle and images, or the stored plan that an undo brings back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.apply.managers import RESTARTS, SPARED
from environments.kube.objects import Ref
from environments.kube.status.images import image_names
from environments.manifests.configuration import ConfiguredValue
from environments.manifests.notes import by_title
from environments.manifests.render import Rendering, images_needed, render
from environments.manifests.settings import RouteSetting
from environments.manifests.target import RenderTarget
from environments.models import ConfigurationEntry, Environment
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable, keyed_hash
from releases import strategies
from releases.errors import PlanRefused
from releases.image_digests import pin
from releases.ingest import open_bundle
from releases.lifecycle import running_release
from releases.models import Rollout
from releases.plan import store
from releases.plan.irreversible import Left, left_of
from releases.plan.objects import Row, Wanted, lasting, lasting_by_key, ref_in
from releases.plan.rollback_plan import FIRST_WAVE, JOB
from releases.plan.secret_values import Masks, load_sealed, masks_of, sealed_digest_of, unseal
from releases.planning.first_release import is_first
from releases.planning.scopes import with_scopes


@dataclass(frozen=True)
class Source:
    """The objects that are wanted, and what names them. `unused` says what nothing asked for.

    `routes`, `change` and `spare` are the bundle's, see slipway.yaml; `traffic` comes of the strategy's arranging,
    `notes` of that, of reading the bundle, and of looking its images up.
    """

    objects: tuple[Wanted, ...]
    images: Mapping[str, str]
    references: Mapping[str, str]
    smoke_tests: tuple[Mapping[str, Any], ...] = ()
    unused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Hooks of other occasions, as a person reads them."""
    routes: tuple[RouteSetting, ...] = ()
    change: str = ""
    spare: tuple[str, ...] = SPARED
    stored: bool = False
    """Whether the objects are those of a stored plan, which are applied as they are."""
    traffic: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    left: tuple[str, ...] = ()
    """What an undo cannot bring back, in words."""
    stays: tuple[Ref, ...] = ()
    """Jobs that an undo neither runs again nor removes."""
    way_back: tuple[Wanted, ...] = ()
    """Jobs that undo the release: they run on the way back from it alone."""


def source_of(rollout: Rollout, gateway: Gateway) -> Source:
    """Asks registries, and the cluster for kinds that nobody else knows: call it outside any transaction.

    Raises BundleError, PlanRefused, PlanPostponed and KubeError.
    """
    return _from_plan(rollout) if rollout.source_plan else _from_release(rollout, gateway)


def target_of(environment: Environment, application: str, version: str) -> RenderTarget:
    """The environment as rendering needs it; entries of the application count for more than those of all."""
    return RenderTarget(
        name=environment.name,
        namespace=environment.namespace_for(application),
        application=application,
        version=version,
        allowed_namespaces=environment.namespaces_for(application),
        allowed_kinds=environment.kinds(),
        more_kinds=tuple(environment.more_kinds.split()),
        configuration=_entries(environment, application),
        digest_key=keyed_hash(b"", "configuration", environment.pk, application).encode(),
        declared=_declared(application),
    )


def _declared(application: str) -> frozenset[str]:
    """The placeholders that any environment has a value for, whatever its value is there."""
    rows = ConfigurationEntry.objects.filter(application__in=("", application), config_map="")
    return frozenset(rows.values_list("key", flat=True).distinct().order_by())


def _entries(environment: Environment, application: str) -> tuple[ConfiguredValue, ...]:
    rows = ConfigurationEntry.objects.filter(environment=environment, application__in=("", application))
    found = {
        (row.config_map, row.key): ConfiguredValue(row.config_map, row.key, row.value, row.sensitive)
        for row in rows.order_by("application", "config_map", "key")
    }
    return tuple(found.values())


def _from_release(rollout: Rollout, gateway: Gateway) -> Source:
    release = rollout.release
    bundle = open_bundle(release.bundle)
    target = target_of(rollout.environment, rollout.application.name, release.version)
    target = with_scopes(target, bundle, gateway)
    target = replace(target, first=is_first(rollout, bundle, target, gateway))
    further = images_needed(bundle, target, release.images)
    references = {**release.images, **{reference: reference for reference in further}}
    pinned = pin(references, partial(_pulled, rollout, gateway))
    rendering = render(bundle, target, pinned.images)
    objects, way_back = _apart(_wanted(rendering, rollout), rendering.settings.way_back_jobs)
    return Source(
        objects=objects,
        way_back=way_back,
        images=pinned.images,
        references=references,
        smoke_tests=tuple(asdict(test) for test in rendering.settings.smoke_tests),
        unused=rendering.unused,
        left_out=rendering.left_out,
        routes=rendering.settings.routes,
        change=rendering.settings.change,
        notes=(*pinned.notes, *by_title(rendering.notes)),
        spare=(RESTARTS,) if rendering.settings.take_over == "take" else SPARED,
    )


def _apart(objects: Iterable[Wanted], names: Sequence[str]) -> tuple[tuple[Wanted, ...], tuple[Wanted, ...]]:
    """What goes forward, and the Jobs of these names, which run on the way back. PlanRefused where one is not there."""
    found = list(objects)
    jobs = {each.ref.name: each for each in found if each.ref.kind == JOB}
    if missing := [name for name in names if name not in jobs]:
        raise PlanRefused(
            f"slipway.yaml names {', '.join(missing)} for the way back (wayBack.jobs), and the bundle has no such Job."
        )
    back = tuple(replace(jobs[name], wave=FIRST_WAVE) for name in names)
    return tuple(each for each in found if each.ref not in {job.ref for job in back}), back


def _pulled(rollout: Rollout, gateway: Gateway) -> list[tuple[str, ...]]:
    """What the cluster has pulled, for the application in any of its environments there."""
    there = Environment.objects.filter(cluster=rollout.environment.cluster_id)
    return image_names(gateway, sorted({place.namespace_for(rollout.application.name) for place in there}))


def _wanted(rendering: Rendering, rollout: Rollout) -> tuple[Wanted, ...]:
    tune = strategies.find(rollout.strategy).tune
    return tuple(
        Wanted(
            tune(each.manifest, rollout.parameters),
            each.ref,
            each.stage,
            each.wave,
            {name: origin.text for name, origin in each.provenance.items()},
            hook=each.hook,
            job=each.job,
        )
        for each in rendering.objects
    )


def _from_plan(rollout: Rollout) -> Source:
    sealed_digest = sealed_digest_of(rollout.source_plan)
    if sealed_digest is None:
        raise PlanRefused("The plan that this goes back to is not stored any more.")
    try:
        plan = store.load(rollout.source_plan)
        sealed = load_sealed(sealed_digest)
    except (BlobError, SecretUnreadable) as error:
        raise PlanRefused(f"It cannot be brought back as it was stored. {error}") from error
    rows = lasting(plan["objects"])
    wanted = {ref_in(row).key: _stored(row, sealed, masks_of(plan)) for row in rows if ref_in(row).kind != JOB}
    kept, left = _kept(rollout, plan)
    return Source(
        objects=(*_undoing(rollout), *(kept.get(key, each) for key, each in wanted.items())),
        left=left,
        stays=staying_jobs(plan),
        images=plan["images"],
        references=plan["references"],
        smoke_tests=tuple(plan["smoke_tests"]),
        traffic=tuple(plan.get("traffic", ())),
        spare=tuple(plan.get("spare", SPARED)),
        stored=True,
    )


def _undoing(rollout: Rollout) -> tuple[Wanted, ...]:
    """The Jobs by which what runs now says that it is undone."""
    running = running_release(rollout.application_id, rollout.environment_id)
    rows = store.load_plan(running).get("back", {}).get("objects", ()) if running else ()
    return tuple(wanted_of(row) for row in rows)


def wanted_of(row: Row) -> Wanted:
    """The object of a row that has no values of a Secret."""
    return Wanted(row["manifest"], ref_in(row), row["stage"], row["wave"])


def staying_jobs(plan: Row) -> tuple[Ref, ...]:
    """The Jobs of a stored plan that comes back: they are neither run again nor removed."""
    return tuple(ref_in(row) for row in lasting(plan["objects"]) if ref_in(row).kind == JOB)


def _kept(rollout: Rollout, plan: Mapping[str, Any]) -> tuple[dict[str, Wanted], tuple[str, ...]]:
    """What of a stored plan stays as what runs has it, since that cannot be undone: by Ref.key, and in words."""
    running = running_release(rollout.application_id, rollout.environment_id)
    if running is None:
        return {}, ()
    now = store.load_plan(running)
    before, after = lasting_by_key(plan), lasting_by_key(now)
    pairs = [(before[key], after[key]) for key in before.keys() & after.keys() if ref_in(before[key]).kind != JOB]
    found = [(was, row, left) for was, row in pairs if (left := left_of(was["manifest"], row["manifest"]))]
    sealed = load_sealed(running.sealed_digest) if found else {}
    kept = {ref_in(was).key: _partly(was, row, left, now, sealed) for was, row, left in found}
    return kept, tuple(sorted(f"{ref_in(was).text}: {left.why}" for was, _row, left in found))


def _partly(was: Row, row: Row, left: Left, now: Row, sealed: Mapping[str, Any]) -> Wanted:
    """The object as far as it comes back; else as what runs has it."""
    if left.manifest is None:
        return _stored(row, sealed, masks_of(now))
    return Wanted(left.manifest, ref_in(was), was["stage"], was["wave"])


def _stored(row: Mapping[str, Any], sealed: Mapping[str, Any], masks: Masks) -> Wanted:
    ref = ref_in(row)
    try:
        manifest = unseal(ref, row["manifest"], sealed, masks)
    except ValueError as error:
        raise PlanRefused(str(error)) from error
    return Wanted(manifest, ref, row["stage"], row["wave"], job=row.get("job", ""))
