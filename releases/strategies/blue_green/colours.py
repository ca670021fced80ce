"""A workload in one of two colours: its objects renamed and told apart, and back to what a bundle has. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from environments.kube.apply.diff import pod_template
from environments.kube.apply.ownership import autoscaled
from environments.kube.apply.prune import of_a_copy
from environments.kube.names import APPLICATION, MANAGED, STABLE, TRACK, TRACKING
from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import Route, find
from releases.plan.objects import Wanted

COLOURS = ("blue", "green")
SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
PROBED = "slipway-probe"
OWN_LABELS = frozenset({MANAGED, APPLICATION})
KIND = "blue-green"
"""What marks an entry of a plan's `traffic` as one of a workload in colours."""


def other(colour: str) -> str:
    """The colour that a workload is deployed in beside this one; green beside one that has none yet."""
    return "blue" if colour == "green" else "green"


@dataclass(frozen=True)
class Naming:
    """A workload, its Service, and what else carries its name in a colour. JSON both ways; part of a plan.

    `renamed`: (the coloured object, its plain name). `added`: what a bundle has not. `selectors`: those that the
    Services of its pods have in the bundle, `service` among them.
    """

    workload: Ref
    colour: str
    service: str
    selectors: Mapping[str, Mapping[str, str]]
    renamed: tuple[tuple[Ref, str], ...] = ()
    added: tuple[Ref, ...] = ()

    @property
    def coloured(self) -> Ref:
        """The workload in its colour."""
        return in_colour(self.workload, self.colour)

    @property
    def preview(self) -> Ref:
        """The Service that leads to the new colour alone."""
        return self.at(f"{self.workload.name}-preview")

    @property
    def own(self) -> Ref:
        """The Service of the colour, where routes lead to it by name."""
        return self.at(self.coloured.name)

    def at(self, service: str) -> Ref:
        return Ref("v1", "Service", self.workload.namespace, service)

    def to_json(self) -> dict[str, Any]:
        return {
            "workload": list(self.workload),
            "colour": self.colour,
            "service": self.service,
            "renamed": [[list(ref), name] for ref, name in self.renamed],
            "added": [list(ref) for ref in self.added],
            "selectors": {name: dict(selector) for name, selector in self.selectors.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Naming":
        return cls(
            Ref(*data["workload"]),
            data["colour"],
            data["service"],
            data["selectors"],
            tuple((Ref(*ref), name) for ref, name in data["renamed"]),
            tuple(Ref(*ref) for ref in data["added"]),
        )

    def is_service(self, ref: Ref) -> bool:
        """Whether it is a Service of the workload's pods."""
        return ref == self.at(ref.name) and ref.name in self.selectors


def in_colour(ref: Ref, colour: str) -> Ref:
    """The object's name in a colour; its own for "stable"."""
    return ref if colour == STABLE else ref._replace(name=f"{ref.name}-{colour}")


def coloured(
    objects: Sequence[Wanted], naming: Naming, routes: Sequence[tuple[Route, str]], probed: int = 0
) -> tuple[tuple[Wanted, ...], Naming]:
    """The objects with the workload in its colour, and the naming with all that took part.

    `routes` with where each leads in the end. What scales, guards or leads to the workload follows it. `probed`: a
    port of the pods that the preview is to have though the Service has it not; 0 for none.
    """
    labels = _pod_labels(objects, naming.workload)
    alone = [each for each in objects if _guards(each, naming.workload, labels, objects)]
    own_services = any(route.router != "service" for route, _ in routes)
    found: list[Wanted] = []
    renamed: list[tuple[Ref, str]] = []
    for each in objects:
        changed = _in_colour(each, naming, guards=each in alone)
        if changed.ref != each.ref:
            renamed.append((changed.ref, each.ref.name))
        if each.ref == naming.at(naming.service):
            found += _services(each, naming, probed, own=own_services)
        found.append(replace(changed, manifest=_pointed(changed.manifest, routes)))
    added = (naming.own,) if own_services else ()
    return tuple(found), replace(naming, renamed=tuple(renamed), added=added)


def plain(objects: Iterable[Wanted], traffic: Iterable[Mapping[str, Any]]) -> tuple[Wanted, ...]:
    """The objects of a stored plan as its bundle had them, by the plan's `traffic`."""
    found = tuple(objects)
    for entry in traffic:
        if entry.get("kind") == KIND:
            routes = [Route.from_json(switch["route"]) for switch in entry["switches"]]
            found = _plain(found, Naming.from_json(entry["naming"]), routes)
    return found


def as_large(
    objects: Iterable[Wanted], traffic: Iterable[Mapping[str, Any]], live: Callable[[Ref], Manifest | None]
) -> tuple[Wanted, ...]:
    """The objects with each workload that an autoscaler holds, and that had a colour, as large as the colour is now.

    `traffic` is of the plan before. The autoscaler that is made with it needs its time, and the colour goes soon.
    """
    found = tuple(objects)
    scalers = [each.manifest for each in found if each.ref.kind in SCALERS]
    namings = [Naming.from_json(entry["naming"]) for entry in traffic if entry.get("kind") == KIND]
    scaled = [naming for naming in namings if autoscaled(scalers, naming.workload)]
    return tuple(_as_large(each, scaled, live) for each in found)


def _as_large(wanted: Wanted, namings: Iterable[Naming], live: Callable[[Ref], Manifest | None]) -> Wanted:
    naming = next((each for each in namings if each.workload.key == wanted.ref.key), None)
    coloured = live(naming.coloured) if naming else None
    if coloured is None or live(wanted.ref) is not None:
        return wanted
    spec = wanted.manifest["spec"]
    size = max(int(spec.get("replicas", 1)), int(coloured["spec"].get("replicas", 1)))
    return replace(wanted, manifest={**wanted.manifest, "spec": {**spec, "replicas": size}})


def _plain(objects: Sequence[Wanted], naming: Naming, routes: Sequence[Route]) -> tuple[Wanted, ...]:
    names = {ref.key: name for ref, name in naming.renamed}
    back = [(route, route.service) for route in routes if route.router != "service"]
    return tuple(
        _without_colour(replace(each, manifest=_pointed(each.manifest, back)), naming, names)
        for each in objects
        if each.ref not in naming.added
    )


def _without_colour(wanted: Wanted, naming: Naming, names: Mapping[str, str]) -> Wanted:
    manifest = deepcopy(wanted.manifest)
    if wanted.ref.key == naming.coloured.key:
        _set_track(manifest, STABLE)
        manifest["spec"]["selector"]["matchLabels"].pop(TRACK, None)
    elif naming.is_service(wanted.ref):
        manifest["spec"]["selector"] = dict(naming.selectors[wanted.ref.name])
    elif wanted.ref.kind == "PodDisruptionBudget" and wanted.ref.key in names:
        manifest["spec"]["selector"]["matchLabels"].pop(TRACK, None)
    _retarget(manifest, naming.coloured, naming.workload.name)
    return _renamed(replace(wanted, manifest=manifest), names.get(wanted.ref.key, wanted.ref.name))


def _in_colour(wanted: Wanted, naming: Naming, *, guards: bool) -> Wanted:
    manifest = deepcopy(wanted.manifest)
    if wanted.ref.key == naming.workload.key:
        _set_track(manifest, naming.colour)
        manifest["spec"]["selector"].setdefault("matchLabels", {})[TRACK] = naming.colour
    elif guards:
        manifest["spec"]["selector"]["matchLabels"][TRACK] = naming.colour
    elif naming.is_service(wanted.ref):
        manifest["spec"]["selector"] = {**naming.selectors[wanted.ref.name], TRACK: naming.colour}
    scales = wanted.ref.kind in SCALERS and autoscaled([manifest], naming.workload)
    _retarget(manifest, naming.workload, naming.coloured.name)
    follows = wanted.ref.key == naming.workload.key or guards or scales
    name = f"{wanted.ref.name}-{naming.colour}" if follows else wanted.ref.name
    return _renamed(replace(wanted, manifest=manifest), name)


def _set_track(manifest: Manifest, track: str) -> None:
    manifest["spec"]["template"]["metadata"].setdefault("labels", {})[TRACK] = track


def _retarget(manifest: Manifest, workload: Ref, name: str) -> None:
    """Has what names the workload as its target (HPA, ScaledObject, VPA) name it anew."""
    for field in ("scaleTargetRef", "targetRef"):
        target = (manifest.get("spec") or {}).get(field)
        if isinstance(target, dict) and (target.get("kind") or "Deployment", target.get("name")) == workload[1::2]:
            target["name"] = name


def _renamed(wanted: Wanted, name: str) -> Wanted:
    if name == wanted.ref.name:
        return wanted
    ref, metadata = wanted.ref._replace(name=name), {**wanted.manifest["metadata"], "name": name}
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = of_a_copy(annotations, ref)
    return replace(wanted, manifest={**wanted.manifest, "metadata": metadata}, ref=ref)


def _services(service: Wanted, naming: Naming, probed: int, *, own: bool) -> list[Wanted]:
    """The preview, and the Service of the colour where routes lead to one."""
    preview = replace(_beside(service, naming.preview.name, naming.colour), temporary=True)
    if probed:
        ports = preview.manifest["spec"]["ports"]
        named = [{"name": f"port-{port['port']}", **port} for port in ports]
        preview.manifest["spec"]["ports"] = [*named, {"name": PROBED, "port": probed, "targetPort": probed}]
    return [preview, _beside(service, naming.own.name, naming.colour)] if own else [preview]


def _beside(service: Wanted, name: str, colour: str) -> Wanted:
    """A Service inside the cluster with the same ports, for the pods of one colour."""
    given = service.manifest["spec"]
    ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in given.get("ports") or ()]
    spec = {"selector": {**(given.get("selector") or {}), TRACK: colour}, "ports": ports}
    metadata = service.manifest["metadata"]
    # Without the bundle's own labels and annotations: monitors would count its pods twice, and clouds act on them.
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key in OWN_LABELS}
    tracking = {TRACKING: (metadata.get("annotations") or {}).get(TRACKING, "")}
    own = {"name": metadata["name"], "namespace": service.ref.namespace, "labels": labels, "annotations": tracking}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": own, "spec": spec}
    return _renamed(Wanted(manifest, service.ref, service.stage, service.wave), name)


def _pointed(manifest: Manifest, routes: Iterable[tuple[Route, str]]) -> Manifest:
    for route, to in routes:
        if route.router != "service":
            manifest = find(route.router).point(manifest, route, to)
    return manifest


def _pod_labels(objects: Iterable[Wanted], workload: Ref) -> Mapping[str, str]:
    manifest = next((each.manifest for each in objects if each.ref.key == workload.key), None)
    return _labels(manifest) if manifest else {}


def _labels(manifest: Manifest) -> Mapping[str, str]:
    return ((pod_template(manifest) or {}).get("metadata") or {}).get("labels") or {}


def _guards(wanted: Wanted, workload: Ref, labels: Mapping[str, str], objects: Iterable[Wanted]) -> bool:
    """Whether it is a budget of this workload's pods and of no other's."""
    if wanted.ref.kind != "PodDisruptionBudget" or wanted.ref.namespace != workload.namespace:
        return False
    wanted_labels = ((wanted.manifest.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not wanted_labels or not wanted_labels.items() <= labels.items():
        return False
    others = (each for each in objects if each.ref.key != workload.key and each.ref.namespace == workload.namespace)
    return not any(wanted_labels.items() <= _labels(each.manifest).items() for each in others)
