"""Keeps the pods of a Deployment apart from those of its canary and of its other colour, where its selector may say so.

A selector can never be changed, so only a Deployment that is yet to be created gets the track label into it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from environments.kube.names import STABLE, TRACK
from environments.kube.objects import Manifest, Ref
from releases.plan.objects import Row, Wanted, lasting, objects_by_key


def apart(
    objects: Iterable[Wanted], live: Callable[[Ref], Manifest | None], previous: Row | None
) -> tuple[Wanted, ...]:
    """The objects, each Deployment selecting its pods as what is there does.

    What is not there selects as the plan before had it, so that the way back to that plan stays open, and else by
    the track as well.
    """
    before = objects_by_key({"objects": lasting(previous["objects"])} if previous else None)
    return tuple(_apart(each, live, before.get(each.ref.key)) for each in objects)


def _apart(wanted: Wanted, live: Callable[[Ref], Manifest | None], before: Row | None) -> Wanted:
    if wanted.ref.kind != "Deployment" or not _is_stable(wanted.manifest):
        return wanted
    known = live(wanted.ref) or (before or {}).get("manifest")
    return _with_track(wanted) if known is None or TRACK in _labels(known) else _without_track(wanted)


def _is_stable(manifest: Manifest) -> bool:
    template = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("labels") or {}
    return bool(template.get(TRACK) == STABLE and _labels(manifest))


def _labels(manifest: Manifest) -> dict[str, str]:
    return (manifest.get("spec", {}).get("selector") or {}).get("matchLabels") or {}


def _with_track(wanted: Wanted) -> Wanted:
    return _selecting(wanted, {**_labels(wanted.manifest), TRACK: STABLE})


def _without_track(wanted: Wanted) -> Wanted:
    return _selecting(wanted, {name: value for name, value in _labels(wanted.manifest).items() if name != TRACK})


def _selecting(wanted: Wanted, labels: dict[str, str]) -> Wanted:
    spec = wanted.manifest["spec"]
    selector = {**spec["selector"], "matchLabels": labels}
    return replace(wanted, manifest={**wanted.manifest, "spec": {**spec, "selector": selector}})
