"""What runs already is not restarted for our sake: what a pod template would get from us alone waits until it changes.

That is the track label, the digest of configuration, and the digest in place of an image's tag. Pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from typing import Any

from environments.kube.apply.diff import pod_template
from environments.kube.names import CONFIG_DIGEST, STABLE, TRACK
from environments.kube.objects import Manifest, Ref
from environments.manifests.images import repository_of
from releases.plan.objects import Row, Sighting, Wanted, objects_by_key, ref_in

CONTENT = ("data", "binaryData", "immutable")
CONFIGURATION = frozenset({"ConfigMap", "Secret"})
SameImage = Callable[[str, str, str], bool]
"""(the container, the image as it is live, the image as it is wanted) to whether its pods run that very image."""


def as_it_runs(wanted: Wanted, live: Manifest, same: SameImage, *, reconfigured: bool) -> Manifest:
    """The manifest without what only we would change in the pods that are there; itself where there is nothing."""
    manifest = deepcopy(wanted.manifest)
    mine, theirs = pod_template(manifest), pod_template(live)
    if mine is None or theirs is None:
        return wanted.manifest
    if not wanted.labelled and TRACK not in _selector(manifest):
        _forget(mine, theirs, "labels", TRACK, only=STABLE)
    if not reconfigured:
        _forget(mine, theirs, "annotations", CONFIG_DIGEST)
    _keep_images(mine, theirs, same)
    return wanted.manifest if manifest == wanted.manifest else manifest


def _selector(manifest: Manifest) -> Mapping[str, str]:
    return (manifest["spec"].get("selector") or {}).get("matchLabels") or {}


def _forget(mine: Manifest, theirs: Manifest, kind: str, name: str, only: str = "") -> None:
    """Takes out what the live template has not."""
    marks = (mine.get("metadata") or {}).get(kind) or {}
    live = (theirs.get("metadata") or {}).get(kind) or {}
    if name not in marks or name in live or (only and marks[name] != only):
        return
    del marks[name]
    if not marks:
        del mine["metadata"][kind]


def _keep_images(mine: Manifest, theirs: Manifest, same: SameImage) -> None:
    for kind in ("initContainers", "containers"):
        live = {each["name"]: each.get("image", "") for each in (theirs.get("spec") or {}).get(kind) or ()}
        for each in (mine.get("spec") or {}).get(kind) or ():
            runs = live.get(each["name"], "")
            if runs and runs != each.get("image") and same(each["name"], runs, each.get("image", "")):
                each["image"] = runs


def reconfigured(
    sightings: Iterable[Sighting], running: Row | None, unfinished: Iterable[Row], shown: Mapping[str, Manifest]
) -> frozenset[str]:
    """Ref.key of ConfigMaps and Secrets whose content is another than what pods may have read.

    Than what is there, than what the `running` plan has, or than before a rollout that came to nothing (`unfinished`)
    and may have written it. `shown` has the wanted ones as plans show them, by Ref.key.
    """
    rows = objects_by_key(running)
    found = {each.ref.key for each in sightings if each.ref.kind in CONFIGURATION and _differs(each)}
    found |= {key for key in shown.keys() & rows.keys() if _content(shown[key]) != _content(rows[key]["manifest"])}
    found |= {ref_in(row).key for plan in unfinished for row in plan["changes"] if _was_written(row)}
    return frozenset(found)


def _differs(sighting: Sighting) -> bool:
    return sighting.action == "create" or any(change.path.startswith(CONTENT) for change in sighting.changes)


def _was_written(row: Row) -> bool:
    """Whether a plan of before changed what pods read."""
    written = row["action"] == "create" or any(field["path"].startswith(CONTENT) for field in row["fields"])
    return ref_in(row).kind in CONFIGURATION and written


def _content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: manifest.get(name) for name in ("data", "binaryData")}


def reads_any(wanted: Wanted, keys: Collection[str], names: Iterable[tuple[str, str]]) -> bool:
    """Whether the pods read one of these; `names` are (kind, name) of what they read."""
    return any(Ref("v1", kind, wanted.ref.namespace, name).key in keys for kind, name in names)


def by_tag(sightings: Iterable[Sighting], images: Collection[str]) -> str:
    """Workloads whose image stays as it is written, by its tag; `images` are those that the plan has by digest."""
    pinned = {image.partition("@")[0] for image in images if "@" in image}
    found = [(each.ref.text, image) for each in sightings for image in _images(each.wanted.manifest)]
    kept = [(text, image) for text, image in found if "@" not in image and repository_of(image) in pinned]
    return "; ".join(f"{text}: {image}" for text, image in kept)


def _images(manifest: Manifest) -> list[str]:
    spec = (pod_template(manifest) or {}).get("spec") or {}
    return [each.get("image", "") for kind in ("initContainers", "containers") for each in spec.get(kind) or ()]
