"""What a plan makes of Jobs and hooks, which run once: applied, made anew, or left alone since they have run."""

from collections.abc import Iterable, Mapping
from copy import deepcopy

from environments.kube.api.client import Gateway
from environments.kube.api.errors import NamespaceMissing, Rejected
from environments.kube.apply.diff import Preview, changes_between
from environments.kube.apply.prune import NEVER_PRUNED
from environments.kube.objects import Manifest
from environments.kube.status.verdict import holds, section
from environments.manifests.hooks import AFTER, BEFORE, BETWEEN
from releases.errors import PlanRefused
from releases.plan.objects import Row, Sighting, Wanted, ref_in

Note = tuple[str, str]
IMMUTABLE = "field is immutable"
LONGEST = 40  # of a name, so that the one that is tried stays within what a name may have
SHOWN = 8
# Labels and a selector that the server makes of a Job's uid.
OF_THE_UID = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")
PHASES = {
    BEFORE: "Hooks run before the rest",
    BETWEEN: "Hooks run with the workloads",
    AFTER: "Hooks run after the rest",
}


def ran_before(plan: Row | None) -> dict[str, Manifest]:
    """The Jobs of the running release by Ref.key: it has succeeded, so each has run to its end."""
    rows = [row for row in (plan["objects"] if plan else ()) if not row.get("hook")]
    return {ref_in(row).key: row["manifest"] for row in rows if ref_in(row).kind == "Job"}


def sight_hook(gateway: Gateway, wanted: Wanted, *, scratch: str = "") -> Sighting:
    """A hook beside what is there: it is made anew, unless data would go with it. Raises KubeError."""
    live = gateway.get(wanted.ref)
    known = {name: live[name] for name in ("apiVersion", "kind", "metadata")} if live else None
    made, warnings = _tried(gateway, wanted, scratch)
    seen = Preview(wanted.ref, known, made, (), (), (), warnings)
    return Sighting(wanted, seen, anew=wanted.ref.kind not in NEVER_PRUNED)


def judged(gateway: Gateway, sighting: Sighting, ran: Mapping[str, Manifest]) -> Sighting:
    """The sighting of a Job that can be applied: one that has run is not run again, one that failed is."""
    wanted, live = sighting.wanted, sighting.preview.live
    if live is None:
        gone = _expired(wanted.manifest, ran.get(wanted.ref.key))
        return Sighting(wanted, sighting.preview, finished=True) if gone else sighting
    if sighting.changes:
        return sighting
    if holds(section(live, "status"), "Complete"):
        return Sighting(wanted, sighting.preview._replace(taken=()), finished=True)
    if holds(section(live, "status"), "Failed"):
        return sight_anew(gateway, wanted, live)
    return sighting


def sight_anew(gateway: Gateway, wanted: Wanted, live: Manifest, *, ours: bool = True) -> Sighting:
    """A Job that can only be deleted and made again. PlanRefused where it is not ours, unless the bundle says so."""
    if not ours and not wanted.job:
        name = wanted.ref.name
        raise PlanRefused(
            f"{wanted.ref.text} is not Slipway's, and its template is another: a Job's cannot be changed. Delete it, "
            f'or say in slipway.yaml "jobs: {{{name}: replace}}" (deleted and made again, once it has ended) '
            f'or "jobs: {{{name}: rename}}" (a name of its own for each template).'
        )
    made, warnings = _tried(gateway, wanted, "")
    changes = changes_between(_without_uid(live), _without_uid(made))
    return Sighting(wanted, Preview(wanted.ref, live, made, changes, (), (), warnings), anew=True)


def is_immutable(wanted: Wanted, error: Rejected) -> bool:
    """Whether the server says that the Job there cannot become the one that is wanted."""
    return wanted.ref.kind == "Job" and IMMUTABLE in error.words


def notes(sightings: Iterable[Sighting], left_out: Iterable[str]) -> tuple[Note, ...]:
    """(title, words) of what runs once, what is made anew, and what is left out."""
    found = list(sightings)
    again = [each.ref.text for each in found if each.anew and not each.wanted.hook]
    finished = [each.ref.text for each in found if each.finished]
    return (
        *((title, _listed(_hooks(found, phase))) for phase, title in PHASES.items()),
        ("Deleted and made again, since a Job cannot be changed", _listed(again)),
        ("Not run again, since it has run as it is", _listed(finished)),
        ("Left out, as hooks of other occasions", _listed(left_out)),
    )


def _hooks(found: Iterable[Sighting], phase: str) -> list[str]:
    return [
        f"{each.ref.text} ({hook.said}, {hook.order})"
        for each in found
        if (hook := each.wanted.hook) and phase in hook.phases
    ]


def _listed(texts: Iterable[str]) -> str:
    named = list(texts)
    return ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")


def _expired(manifest: Manifest, before: Manifest | None) -> bool:
    """Whether it ran just so in the release before, and its TTL has removed it since."""
    spec = manifest.get("spec") or {}
    return before is not None and before.get("spec") == spec and spec.get("ttlSecondsAfterFinished") is not None


def _tried(gateway: Gateway, wanted: Wanted, scratch: str) -> tuple[Manifest, tuple[str, ...]]:
    """What the server would make of it under a name that nothing has, and its warnings."""
    try:
        made, warnings = _created(gateway, wanted.manifest, wanted.ref.namespace)
    except NamespaceMissing:
        if not scratch:
            raise
        made, warnings = _created(gateway, wanted.manifest, scratch)
    named = {"name": wanted.ref.name, **({"namespace": wanted.ref.namespace} if wanted.ref.namespace else {})}
    return {**made, "metadata": {**made["metadata"], **named}}, warnings


def _created(gateway: Gateway, manifest: Manifest, namespace: str) -> tuple[Manifest, tuple[str, ...]]:
    name = f"{manifest['metadata']['name'][:LONGEST]}-slipway-preview"
    place = {"namespace": namespace} if namespace else {}
    body = {**manifest, "metadata": {**manifest["metadata"], "name": name, **place}}
    applied = gateway.create(body, dry_run=True)
    return applied.object, applied.warnings


def _without_uid(job: Manifest) -> Manifest:
    """A Job without what the server makes of its uid."""
    slim = deepcopy(job)
    spec = slim.get("spec") or {}
    spec.pop("selector", None)
    for holder in (slim["metadata"], (spec.get("template") or {}).get("metadata") or {}):
        holder["labels"] = {key: value for key, value in (holder.get("labels") or {}).items() if key not in OF_THE_UID}
    return slim
