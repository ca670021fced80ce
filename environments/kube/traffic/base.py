"""What a router is: how the share of requests that a canary gets, or the colour that serves, is told to a cluster.

Routers only decide: they read manifests and return manifests. `moving` reads and writes the cluster.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

from environments.kube.names import CANARY, STABLE, TRAFFIC
from environments.kube.objects import Manifest, Ref

COLOURS = ("blue", "green")


@dataclass(frozen=True)
class Route:
    """By which object the requests to a workload are moved. JSON both ways; part of a plan.

    `service` is the Service that the workload stands behind; `stable` and `canary` are the Services of both sides.
    `rule` is Istio's DestinationRule of the Service. `port` is the Service's, 0 where it is not known.
    `by_host`: the canary is led to by its own Service, and `service` to stable alone; `subsets` are then those of the
    bundle that lead to this workload, "" for a destination without. `companion` is the object that is beside
    `object` while a canary runs, where it has not the name of `canary`. `measured_with`: names of objects that move
    the same requests elsewhere, measured together with this one.
    """

    router: str
    namespace: str
    workload: str
    service: str
    object: Ref | None = None
    host: str = ""
    port: int = 0
    rule: Ref | None = None
    stable: str = ""
    canary: str = ""
    stable_subset: str = STABLE
    canary_subset: str = CANARY
    by_host: bool = False
    subsets: tuple[str, ...] = ()
    companion: str = ""
    measured_with: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for from_json."""
        names = {name: list(getattr(self, name)) for name in ("subsets", "measured_with")}
        return {**asdict(self), "object": _listed(self.object), "rule": _listed(self.rule), **names}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Route":
        """The Route of what to_json gave."""
        refs = {name: _ref(data.get(name)) for name in ("object", "rule")}
        names = {name: tuple(data.get(name, ())) for name in ("subsets", "measured_with")}
        return cls(**{**data, **refs, **names})

    @property
    def sides(self) -> frozenset[str]:
        """Every Service that may stand for the workload in a route: its own, the canary's, those of both colours."""
        coloured = {f"{name}-{colour}" for name in (self.workload, self.service) for colour in COLOURS}
        return frozenset({self.service, self.stable, self.canary, *coloured} - {""})

    @property
    def text(self) -> str:
        """What is written to, as a person reads it: "VirtualService shop/web"."""
        return self.object.text if self.object else f"Service {self.namespace}/{self.service}"


def _listed(ref: Ref | None) -> list[str] | None:
    return list(ref) if ref else None


def _ref(data: Sequence[str] | None) -> Ref | None:
    return Ref(*data) if data else None


@dataclass(frozen=True)
class Testers:
    """Who sees the canary before any weight: requests with a header, or with a cookie; "" for none.

    A header without `value` counts where it says "always", as the cookie does. `nobody`: not even those whom the
    bundle's own routes send to the canary.
    """

    header: str = ""
    value: str = ""
    cookie: str = ""
    nobody: bool = False

    @property
    def header_value(self) -> str:
        return self.value or "always"

    @property
    def cookie_pattern(self) -> str:
        """A regular expression for the whole Cookie header."""
        return rf"^(.*;\s*)?{re.escape(self.cookie)}=always(;.*)?$"


NO_TESTERS = Testers()
NOBODY = Testers(nobody=True)


@dataclass(frozen=True)
class Seen:
    """What the cluster says, read back.

    `weight` is the share of the canary in percent, -1 where it cannot be told. `accepted`: the router has taken this
    generation up, else `why` says what is missing. `manager` is the field manager that has the weights, or the
    selector, "" where nobody is known. `target` is the Service, or the colour, that serves, "" where several do.
    """

    weight: int
    accepted: bool = True
    why: str = ""
    manager: str = ""
    generation: int = 0
    resource_version: str = ""
    target: str = ""

    @property
    def ours(self) -> bool:
        return self.manager == TRAFFIC


class Listing(NamedTuple):
    """A list of objects that a router looks at besides its own."""

    api_version: str
    kind: str
    namespace: str
    labels: str


@dataclass
class Live:
    """What of a cluster a router looks at: objects by Ref (those that are there), and lists by kind."""

    objects: dict[Ref, Manifest] = field(default_factory=dict)
    lists: dict[str, list[Manifest]] = field(default_factory=dict)

    def get(self, ref: Ref | None) -> Manifest | None:
        return self.objects.get(ref) if ref else None

    def listed(self, kind: str) -> list[Manifest]:
        return self.lists.get(kind, [])


Path = tuple[str, ...]


class Router:
    """One way to move requests. All methods are pure; `moving` is what acts.

    `needs` are the kinds, as (apiVersion, kind), that the cluster must know. `coarse`: shares follow from numbers
    of pods, so that most weights cannot be met. `follows`: it moves nothing by itself, but keeps to stable what goes
    past the routes that do, so that nobody chooses it.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs: ClassVar[tuple[tuple[str, str], ...]] = ()
    coarse: ClassVar[bool] = False
    follows: ClassVar[bool] = False

    def routes(
        self, objects: Sequence[Manifest], namespace: str, workload: str, service: str, hint: str = ""
    ) -> Iterator[Route]:
        """Every Route by which these objects lead requests to the workload through the service.

        `hint` narrows it: an object as KIND/NAME or NAME, or a host.
        """
        raise NotImplementedError

    def detect(
        self, objects: Sequence[Manifest], namespace: str, workload: str, service: str, hint: str = ""
    ) -> Route | None:
        """The first of its routes; None where these objects lead nobody there."""
        return next(self.routes(objects, namespace, workload, service, hint), None)

    def leading(self, objects: Sequence[Manifest], route: Route) -> list[Ref]:
        """The objects that lead to the route's Service at all, whether they can be moved or not."""
        return []

    def at_rest(self, manifest: Manifest, route: Route) -> Manifest:
        """The manifest with everything of the workload on stable. What is not the route's stays as it is."""
        return manifest

    def point(self, manifest: Manifest, route: Route, to: str) -> Manifest:
        """The manifest with everything of the workload led to `to`: a Service's name, or a colour."""
        raise NotImplementedError

    def target_of(self, manifest: Manifest, route: Route) -> str:
        """Where a manifest leads the workload's requests, "" for several places or none."""
        raise NotImplementedError

    def owned(self, manifest: Manifest, route: Route) -> Manifest:
        """Of a manifest what slipway-traffic writes when it switches: the body of its apply."""
        raise NotImplementedError

    def reads(self, route: Route) -> tuple[Ref, ...]:
        """The objects to be looked at before weights are written or told. The first is the one that must be there."""
        return (self.main(route),)

    def lists(self, live: Live, route: Route, *, clearing: bool) -> tuple[Listing, ...]:
        """Lists to be looked at too; `clearing`: before the route is put at rest."""
        return ()

    def main(self, route: Route) -> Ref:
        """The object that a switch is written to."""
        if route.object is None:
            return Ref("v1", "Service", route.namespace, route.service)
        return route.object

    def weighted(self, route: Route) -> tuple[Ref, Path]:
        """The object that has the weights, and the path of its managedFields to them."""
        raise NotImplementedError

    def decisive(self, live: Live, route: Route) -> tuple[Ref, Path]:
        """Whose manager is to be named: what has the weights, or what somebody has taken away under them."""
        return self.weighted(route)

    def switched(self, route: Route) -> Path:
        """The path of the main object's managedFields to what a switch changes."""
        return self.weighted(route)[1]

    def prepare(self, live: Live, route: Route) -> list[Manifest]:
        """What has to be there before weights can be written."""
        return []

    def weigh(self, live: Live, route: Route, weight: int, testers: Testers) -> list[Manifest]:
        """What slipway-traffic applies, in this order, so that `weight` % go to the canary."""
        raise NotImplementedError

    def weight_of(self, live: Live, route: Route) -> int:
        """The canary's share in percent, -1 where it cannot be told."""
        raise NotImplementedError

    def rest(self, live: Live, route: Route) -> list[Manifest]:
        """What slipway-traffic applies to put a route at rest."""
        raise NotImplementedError

    def removed_at_rest(self, route: Route) -> tuple[Ref, ...]:
        """What is only there while a canary runs, to be deleted after `rest` is written."""
        return ()

    def not_yet_at_rest(self, live: Live, route: Route) -> str:
        """Why the route must not be put at rest yet, "" where it may."""
        return ""

    def not_accepted(self, live: Live, route: Route) -> str:
        """What the router has not taken up yet, in plain words; "" where all is."""
        return ""

    def hosts(self, manifest: Manifest, route: Route) -> tuple[str, ...]:
        """Where requests come in that this route moves, as HOST or HOST/PATH: two canaries must not share one."""
        return ()

    def clashes(self, manifest: Manifest, route: Route, others: Iterable[Manifest]) -> tuple[str, ...]:
        """Why a canary cannot run beside these other objects of the cluster, in plain words."""
        return ()

    def unsupported(self, manifest: Manifest, route: Route, testers: Testers = NO_TESTERS) -> tuple[str, ...]:
        """What of the route does not follow the weights, in plain words for the plan."""
        return ()


def named(manifest: Manifest) -> Manifest:
    """The start of an apply's body: what names the object, without anything else."""
    metadata = {name: manifest["metadata"][name] for name in ("name", "namespace") if name in manifest["metadata"]}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata}


def named_by(ref: Ref) -> Manifest:
    """The same for an object that may not be there."""
    metadata = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def with_spec(manifest: Manifest, **fields: Any) -> Manifest:
    """A copy with these fields of spec."""
    return {**manifest, "spec": {**(manifest.get("spec") or {}), **fields}}


def annotations_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    return dict(manifest.get("metadata", {}).get("annotations") or {})


def is_at(manifest: Mapping[str, Any], ref: Ref | None) -> bool:
    """Whether a manifest is that object, whatever version names it."""
    if ref is None or manifest.get("kind") != ref.kind:
        return False
    metadata = manifest.get("metadata", {})
    group = manifest.get("apiVersion", "").rpartition("/")[0]
    return (group, metadata.get("namespace") or ref.namespace, metadata.get("name")) == (
        ref.group,
        ref.namespace,
        ref.name,
    )


def of_kind(objects: Iterable[Manifest], group: str, kind: str) -> list[Manifest]:
    """The manifests of a kind, whatever its version."""
    return [
        each for each in objects if each.get("kind") == kind and each.get("apiVersion", "").rpartition("/")[0] == group
    ]


def fits_hint(manifest: Mapping[str, Any], hosts: Iterable[str], hint: str) -> bool:
    """Whether a hint ("" for any) names the object, as KIND/NAME or NAME, or one of its hosts."""
    name = manifest["metadata"]["name"]
    return hint in ("", name, f"{manifest['kind']}/{name}", *hosts)


def manager_of(live: Manifest | None, path: Path) -> str:
    """Who has the field at this path of managedFields, "" for nobody. Ours where it is one of several.

    A value that others have too is still the one that we wrote; one that they changed is no longer ours.
    """
    entries = (live or {}).get("metadata", {}).get("managedFields") or []
    found = [entry for entry in entries if _holds(entry.get("fieldsV1") or {}, path)]
    if any(entry["manager"] == TRAFFIC for entry in found):
        return TRAFFIC
    latest = max(found, key=lambda entry: entry.get("time", ""), default=None)
    return str(latest["manager"]) if latest else ""


def _holds(fields: Mapping[str, Any], path: Path) -> bool:
    for key in path:
        if key not in fields:
            return False
        fields = fields[key]
    return True


def with_sides(route: Route) -> Route:
    """A Route whose Services of both sides have their usual names."""
    return replace(route, stable=route.stable or route.service, canary=route.canary or f"{route.workload}-{CANARY}")
