"""What a write would change: the live object against a forced dry run of the apply.

Both come from the server with all defaults filled in, so an apply that changes nothing shows no difference.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from environments.kube.api.client import Applied, Gateway
from environments.kube.api.errors import Cause, FieldConflict, NamespaceMissing
from environments.kube.apply import masking
from environments.kube.apply.managers import OURS
from environments.kube.apply.masking import Mask
from environments.kube.apply.over_unions import try_over
from environments.kube.apply.ownership import (
    Adoption,
    ForeignFields,
    adoption,
    entries_of,
    foreign_fields,
    written_since,
)
from environments.kube.apply.reconcilers import Reconciler, reconcilers
from environments.kube.apply.removal import after_adoption
from environments.kube.apply.server_side_apply import has_replicas, sequence_of, with_sequence
from environments.kube.apply.trial_pod import trial_pod
from environments.kube.objects import Manifest, Ref, ref_of
from kube_schema import SchemaNode, recorded

LOOKS = 4  # at an object that keeps changing between the read and the dry run
VOLATILE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
REVISION = "deployment.kubernetes.io/revision"
# For kinds that the recorded schema does not know, in order of trial.
USUAL_KEYS = ("name", "containerPort", "port", "mountPath", "devicePath", "ip", "key", "type", "host", "path")


Taking = Callable[[Manifest], frozenset[str] | None]
"""For a live object: what an adoption is to spare, None where nothing is adopted."""


class FieldChange(NamedTuple):
    """One field; `before` or `after` is None where the field is not there. Only the top of a branch is named."""

    path: str
    before: Any
    after: Any


class Preview(NamedTuple):
    """What an apply would do. `live` is None for an object to come, whose `changes` are empty.

    `conflicts` are the fields that others have set to other values, `foreign` all that others hold and keep, `taken`
    the managers whose fields become ours first, `reconcilers` who brings the object as well, `written_since` the tools
    that wrote after us. Of Secrets only what masking.py lets through is told anywhere.
    """

    ref: Ref
    live: Manifest | None
    after: Manifest
    changes: tuple[FieldChange, ...]
    conflicts: tuple[Cause, ...]
    foreign: tuple[ForeignFields, ...]
    warnings: tuple[str, ...]
    taken: tuple[str, ...] = ()
    reconcilers: tuple[Reconciler, ...] = ()
    written_since: tuple[str, ...] = ()


def _nothing(_live: Manifest) -> None:
    return None


def preview(
    gateway: Gateway,
    manifest: Manifest,
    *,
    scaler: bool = False,
    mask: Mask = masking.hidden,
    scratch: str = "",
    taking: Taking = _nothing,
) -> Preview:
    """Dry-runs the apply. `scaler`: an autoscaler holds the replicas; `mask` gives what stands for values of a Secret.

    `taking` says of what is there whether it is adopted first.

    With `scratch`, the name of a namespace that exists, objects of a namespace to come are tried there. Raises
    KubeError: what the cluster would refuse, it refuses now.
    """
    ref = ref_of(manifest)
    live, conflicts, applied = _side_by_side(gateway, manifest, scaler=scaler, scratch=scratch)
    if live is None:
        return Preview(ref, None, _public(applied.object, mask), (), conflicts, (), applied.warnings)
    found = _adoption(live, taking)
    after = after_adoption(gateway, ref, applied.object, found) if found.managers else applied.object
    changes = changes_between(live, after, mask)
    return Preview(
        ref=ref,
        live=_public(live, mask),
        after=_public(after, mask),
        changes=changes,
        conflicts=tuple(cause for cause in conflicts if _is_changed(cause.field, changes)),
        foreign=foreign_fields({"metadata": {"managedFields": found.kept}}),
        warnings=applied.warnings,
        taken=found.managers,
        reconcilers=reconcilers(live),
        written_since=written_since(live),
    )


def _adoption(live: Manifest, taking: Taking) -> Adoption:
    spare = taking(live)
    return Adoption({}, tuple(entries_of(live)), ()) if spare is None else adoption(live, spare)


def _is_changed(field: str, changes: Collection[FieldChange]) -> bool:
    """Whether a field in conflict gets another value: the server also tells of 2000m against 2."""
    return any(field.startswith(change.path) or change.path.startswith(field) for change in changes)


def _side_by_side(
    gateway: Gateway, manifest: Manifest, *, scaler: bool, scratch: str
) -> tuple[Manifest | None, tuple[Cause, ...], Applied]:
    """The live object and the dry run on that very version: what a controller writes between is no change of ours."""
    for _ in range(LOOKS):
        live = gateway.get(ref_of(manifest))
        conflicts, applied = _dry_run_there(gateway, _as_it_will_be(manifest, live, scaler=scaler), live, scratch)
        if live is None or _version(live) == _version(applied.object):
            break
    return live, conflicts, applied


def _version(obj: Manifest) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def _dry_run_there(
    gateway: Gateway, body: Manifest, live: Manifest | None, scratch: str
) -> tuple[tuple[Cause, ...], Applied]:
    try:
        return _dry_run(gateway, body, live)
    except NamespaceMissing:
        if not scratch:
            raise
        return _dry_run(gateway, _moved(body, scratch), None)


def preview_pod_template(
    gateway: Gateway, manifest: Manifest, *, scratch: str = "", brought: Collection[Ref] = ()
) -> tuple[str, ...]:
    """The warnings for the manifest's pods; () for a kind without. Raises KubeError where they are refused.

    Quota, limits and pod security speak only for pods, so the template is tried as a bare one; `brought` is what
    comes with the same release.
    """
    template = pod_template(manifest)
    if template is None:
        return ()
    namespace = scratch or manifest["metadata"].get("namespace", "")
    return gateway.create(trial_pod(manifest, template, namespace, brought), dry_run=True).warnings


def pod_template(manifest: Mapping[str, Any]) -> Manifest | None:
    """The pod template in a workload or CronJob, None for other kinds."""
    spec = manifest.get("spec") or {}
    if manifest.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    if manifest.get("kind") not in ("CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"):
        return None
    template: Manifest | None = spec.get("template")
    return template


def _as_it_will_be(manifest: Manifest, live: Manifest | None, *, scaler: bool) -> Manifest:
    """The manifest with what the real write brings about by other means: our number, and the replicas."""
    body = with_sequence(manifest, sequence_of(live)) if sequence_of(live) else manifest
    if live is None or not has_replicas(manifest):
        return body
    now = live.get("spec", {}).get("replicas")
    wanted = now if scaler else manifest.get("spec", {}).get("replicas", now)
    return {**body, "spec": {**body.get("spec", {}), "replicas": wanted}}


def _dry_run(gateway: Gateway, body: Manifest, live: Manifest | None) -> tuple[tuple[Cause, ...], Applied]:
    try:
        return (), try_over(gateway, body, live, force=False)
    except FieldConflict as conflict:
        others = tuple(cause for cause in conflict.causes if cause.manager not in OURS)
        return others, try_over(gateway, body, live, force=True)


def _moved(manifest: Manifest, namespace: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def _public(obj: Manifest, mask: Mask) -> Manifest:
    return masking.masked(obj, mask) if obj.get("kind") == "Secret" else obj


def comparable(obj: Mapping[str, Any]) -> Manifest:
    """The object without its status, what the server counts, and the revision that a controller notes at any time."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in VOLATILE}
    notes = {name: value for name, value in (metadata.pop("annotations", None) or {}).items() if name != REVISION}
    if notes:
        metadata["annotations"] = notes
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}


def changes_between(before: Manifest, after: Manifest, mask: Mask = masking.hidden) -> tuple[FieldChange, ...]:
    """The fields in which two versions of one object differ, items of lists named by their keys. Pure."""
    if after["kind"] == "Secret":
        return tuple(FieldChange(*each) for each in masking.differences(comparable(before), comparable(after), mask))
    root = recorded().root(after["apiVersion"], after["kind"])
    return tuple(_compare(_with_maps(before), _with_maps(after), root, ""))


def _with_maps(obj: Manifest) -> Manifest:
    """Comparable, and with labels and annotations: each of them is told alone, also the first and the last."""
    known = comparable(obj)
    maps = {name: known["metadata"].get(name) or {} for name in ("labels", "annotations")}
    return {**known, "metadata": {**known["metadata"], **maps}}


def _compare(before: Any, after: Any, node: SchemaNode | None, path: str) -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            below = f"{path}.{name}" if path else name
            yield from _compare(before.get(name), after.get(name), node.child(name) if node else None, below)
    elif isinstance(before, list) and isinstance(after, list) and (keys := _keys(node, [*before, *after])):
        yield from _compare_lists(before, after, keys, node.item if node else None, path)
    else:
        yield FieldChange(path, before, after)


def _keys(node: SchemaNode | None, items: list[Any]) -> tuple[str, ...]:
    """The fields that name an item of a list; () where the list is one value."""
    if not all(isinstance(item, dict) for item in items):
        return ()
    if node and (node.list_type or node.merge_key):
        return tuple(node.list_keys) or ((node.merge_key,) if node.merge_key else ())
    return next(((key,) for key in USUAL_KEYS if all(key in item for item in items)), ())


def _compare_lists(
    before: list[Manifest], after: list[Manifest], keys: tuple[str, ...], node: SchemaNode | None, path: str
) -> Iterator[FieldChange]:
    old, new = _by_keys(before, keys), _by_keys(after, keys)
    if len(old) != len(before) or len(new) != len(after):
        yield FieldChange(path, before, after)
        return
    for name in dict.fromkeys([*old, *new]):
        yield from _compare(old.get(name), new.get(name), node, f"{path}[{name}]")
    common = [name for name in new if name in old]
    if common != [name for name in old if name in new]:
        yield FieldChange(f"{path} (order)", list(old), list(new))


def _by_keys(items: list[Manifest], keys: tuple[str, ...]) -> dict[str, Manifest]:
    return {",".join(f"{key}={json.dumps(item[key])}" for key in keys if key in item): item for item in items}
