"""Asks what runs already, so that a plan restarts no pod for our sake: see releases.plan.undisturbed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied
from environments.kube.apply.diff import Preview, pod_template
from environments.kube.objects import Manifest
from environments.kube.status.owner_references import labelled
from environments.registry.errors import BadReference
from environments.registry.reference import Reference, parse
from releases.plan.objects import Plan, Sighting, Wanted
from releases.plan.secret_values import Masks
from releases.plan.undisturbed import as_it_runs, by_tag, reads_any, reconfigured
from releases.strategies.shared.config_hash import uses

TEMPLATES = ("spec.template", "spec.jobTemplate")


@dataclass(frozen=True)
class Undisturbed:
    """`references`: what a release calls the images that it has by digest, (reference, digest) each.

    `changed` tells of what configuration changes, by the sightings of it.
    """

    gateway: Gateway
    references: Sequence[tuple[str, str]]
    changed: Callable[[Sequence[Sighting]], frozenset[str]]
    moved: dict[str, str] = field(default_factory=dict)
    """Images that are another under their tag than what pods run, by workload and container; filled as it is asked."""

    def preview(
        self, wanted: Wanted, changed: frozenset[str], look: Callable[[Wanted], Preview]
    ) -> tuple[Wanted, Preview]:
        """The object as it is best applied, and its dry run. Raises KubeError."""
        live = self.gateway.get(wanted.ref)
        calm = replace(wanted, manifest=self._calm(wanted, live, changed)) if live else wanted
        seen = look(calm)
        if calm.manifest is wanted.manifest or not any(change.path.startswith(TEMPLATES) for change in seen.changes):
            return calm, seen
        return wanted, look(wanted)

    def notes(self, sightings: Iterable[Sighting], images: Collection[str]) -> tuple[tuple[str, str], ...]:
        """(title, words) of images that stay as they are written, and of those that could not; `images` by digest."""
        return (
            ("Runs by its tag until its pods change anyway", by_tag(sightings, images)),
            (
                "Its pods run another image than the tag is now",
                "; ".join(f"{at}: {it}" for at, it in self.moved.items()),
            ),
        )

    def _calm(self, wanted: Wanted, live: Manifest, changed: frozenset[str]) -> Manifest:
        digests = cache(lambda: _running(self.gateway, live))
        spec = (pod_template(wanted.manifest) or {}).get("spec") or {}
        read = [(use.kind, str(use.holder[use.field])) for use in uses(spec)]

        def same(container: str, runs: str, image: str) -> bool:
            return self._is_same(f"{wanted.ref.text} {container}", runs, image, lambda: digests().get(container, set()))

        return as_it_runs(wanted, live, same, reconfigured=reads_any(wanted, changed, read))

    def _is_same(self, where: str, runs: str, image: str, digests: Callable[[], set[str]]) -> bool:
        """Whether an image as it is live is the wanted one: by the same digest, or by the tag that it was found by."""
        live, wanted = _parsed(runs), _parsed(image)
        if live is None or wanted is None or _place(live) != _place(wanted) or not wanted.digest:
            return False
        if live.digest:
            return live.digest == wanted.digest
        if (live.tag, wanted.digest) not in self._tags(_place(live)):
            return False
        known = digests()
        if known and wanted.digest not in known:
            self.moved[where] = runs
            return False
        return True

    def _tags(self, place: tuple[str, str]) -> set[tuple[str, str]]:
        known = ((_parsed(reference), digest) for reference, digest in self.references)
        return {(each.tag, digest) for each, digest in known if each and _place(each) == place}


def changed_configuration(
    before: Plan | None, unfinished: Iterable[Plan], masks: Masks
) -> Callable[[Sequence[Sighting]], frozenset[str]]:
    """Tells what configuration is another than what pods may have read."""

    def changed(sightings: Sequence[Sighting]) -> frozenset[str]:
        shown = {each.ref.key: masks.masked(each.wanted.manifest) for each in sightings}
        return reconfigured(sightings, before, unfinished, shown)

    return changed


def references_of(references: Mapping[str, str], images: Mapping[str, str]) -> list[tuple[str, str]]:
    """(reference, digest) of a release's images."""
    return [(reference, images[name].partition("@")[2]) for name, reference in references.items() if name in images]


def _running(gateway: Gateway, live: Manifest) -> dict[str, set[str]]:
    """The digests that the workload's pods run, by container; nothing where they cannot be looked at."""
    labels = labelled(((live.get("spec") or {}).get("selector") or {}).get("matchLabels") or {})
    found: dict[str, set[str]] = {}
    try:
        pods = gateway.list("v1", "Pod", live["metadata"].get("namespace", ""), labels=labels) if labels else []
    except Denied:
        return {}
    for pod in pods:
        status = pod.get("status") or {}
        for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            digest = str(each.get("imageID", "")).partition("@")[2]
            if digest:
                found.setdefault(each["name"], set()).add(digest)
    return found


def _parsed(text: str) -> Reference | None:
    try:
        return parse(text)
    except BadReference:
        return None


def _place(reference: Reference) -> tuple[str, str]:
    return reference.registry, reference.repository
