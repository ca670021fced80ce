"""Which workloads of a release are canaried, by what, and why the others are not. Pure but for what it may ask."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from environments.kube.api.errors import Denied
from environments.kube.names import STABLE, TRACK
from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import Route, Testers, find
from releases.errors import PlanRefused
from releases.plan.objects import Wanted, objects_by_key
from releases.strategies.base import Arrangement, Arranging
from releases.strategies.canary.manifests import beside, canary_of, scaler_of, scales
from releases.strategies.canary.routes import Ways, is_inside_its_subset, told, unmeasured
from releases.strategies.canary.workloads import LARGEST_SHARE, CanaryWorkload
from releases.strategies.shared import capacity
from releases.strategies.shared.config_hash import hash_names
from releases.strategies.shared.two_versions import one_at_a_time, shared_service, untold_apart

LONGEST_NAME = 63
UNLABELLED = "its live pods carry no track label yet: this release rolls it to label them, the next can be a canary"
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
INGRESSES = ("networking.k8s.io/v1", "Ingress")
AUTOSCALERS = (("autoscaling/v2", "HorizontalPodAutoscaler"), ("keda.sh/v1alpha1", "ScaledObject"))


class Found(NamedTuple):
    """A workload with the routes that move its requests, and what leads to it besides."""

    wanted: Wanted
    routes: tuple[Route, ...]
    left: tuple[Ref, ...]
    live: Manifest

    @property
    def route(self) -> Route:
        return self.routes[0]


@dataclass(frozen=True)
class Chooser:
    """`weights`: those of the plan; `testers`: who is let in before them."""

    given: Arranging
    weights: tuple[int, ...]
    testers: Testers
    unlabelled: set[str] = field(default_factory=set)
    """Workloads whose pods are to get the track label though nothing else changes; filled while it looks."""

    def arrangement(self) -> Arrangement:
        """Raises PlanRefused where a canary cannot go as asked."""
        self._check_names()
        looked = {each.ref.key: self._look(each) for each in self._workloads}
        found = [each for each in looked.values() if isinstance(each, Found)]
        rolled = {each.ref.name: why for each in self._workloads if isinstance(why := looked[each.ref.key], str)}
        for each in found:
            self._refuse(each)
        entries = tuple(self._entry(each) for each in found)
        traffic = tuple(each.to_json() for each in entries)
        objects = (replace(e, labelled=_is_unlabelled(e, self.unlabelled)) for e in self._objects(found, entries))
        return Arrangement(tuple(objects), traffic, self._notes(found, entries, rolled))

    @cached_property
    def _workloads(self) -> tuple[Wanted, ...]:
        return tuple(each for each in self.given.objects if each.ref.kind in WORKLOADS)

    @cached_property
    def _manifests(self) -> list[Manifest]:
        return [each.manifest for each in self.given.objects]

    @property
    def _parameters(self) -> Mapping[str, Any]:
        return self.given.parameters

    def _check_names(self) -> None:
        known = {each.ref.name for each in self._workloads}
        if unknown := [name for name in self._parameters.get("workloads", ()) if name not in known]:
            raise PlanRefused(
                f"The bundle has no workload {unknown[0]}, which `workloads` names; it has {', '.join(sorted(known))}."
            )

    def _look(self, wanted: Wanted) -> Found | str:
        """The workload with its routes, or why it is rolled."""
        ref, chosen = wanted.ref, self._parameters.get("workloads")
        if chosen and ref.name not in chosen:
            return "not chosen"
        if why := one_at_a_time(self.given, wanted):
            return why
        ways = Ways(self.given, wanted)
        routes = ways.routes()
        if not routes:
            return f"no route by {find(name).title}" if (name := self._parameters.get("router")) else "no route"
        if why := self._shared(ways, routes):
            return why
        live = self.given.live(ref)
        if live is None or ref.key not in objects_by_key(self.given.previous):
            return "first release here"
        return self._not_yet(wanted, routes[0], live) or Found(wanted, routes, tuple(ways.left(routes)), live)

    def _shared(self, ways: Ways, routes: tuple[Route, ...]) -> str:
        """Why requests cannot be moved without those of other workloads; "" where they can."""
        if not is_inside_its_subset(routes):
            return shared_service(ways.around, ways.wanted.ref)
        others = untold_apart(self.given, ways.around, ways.wanted.ref)
        self.unlabelled.update(others)
        return f"pods of {', '.join(others)} behind the same Service carry no track label yet" if others else ""

    def _not_yet(self, wanted: Wanted, route: Route, live: Manifest) -> str:
        """Why what is live there cannot have a canary beside it; "" where it can."""
        labels = (live["spec"]["template"].get("metadata") or {}).get("labels") or {}
        if labels.get(TRACK) != STABLE:
            self.unlabelled.add(wanted.ref.name)
            return UNLABELLED
        if route.object and self._knows(route.object) and self.given.live(route.object) is None:
            return f"{_text(route)} comes with this release"
        if any(each.ref.name == wanted.ref.name and each.ref != wanted.ref for each in self._deployments):
            return "another Deployment of its name is in this release"
        return ""

    @property
    def _deployments(self) -> list[Wanted]:
        return [each for each in self._workloads if each.ref.kind == "Deployment"]

    def _knows(self, ref: Ref) -> bool:
        return self.given.knows(ref.api_version, ref.kind)

    def _refuse(self, found: Found) -> None:
        for route in found.routes:
            self._refuse_unknown_kinds(route)
        self._refuse_names(found)
        self._refuse_second_canary(found)

    def _refuse_unknown_kinds(self, route: Route) -> None:
        router = find(route.router)
        for ref in filter(None, (route.object, route.rule)):
            if not self._knows(ref):
                raise PlanRefused(
                    f"{router.title} cannot move the requests of {route.workload}: the cluster does not know "
                    f"{ref.kind} of {ref.api_version}. Install the definitions (CRDs) of {router.title}, or choose "
                    "another router or strategy."
                )

    def _refuse_names(self, found: Found) -> None:
        taken = {each.ref.key for each in self.given.objects}
        services = {Ref("v1", "Service", each.namespace, each.canary) for each in found.routes}
        for ref in (canary_of(found.wanted.ref), *sorted(services)):
            if len(ref.name) > LONGEST_NAME:
                raise PlanRefused(
                    f"{ref.kind} {ref.name} would have {len(ref.name)} characters in its name, {LONGEST_NAME} are "
                    f"allowed: give {found.wanted.ref.name} a shorter name, or roll it."
                )
            if ref.key in taken:
                raise PlanRefused(f"The bundle has {ref.text} itself, where the canary would stand. Rename it.")

    def _refuse_second_canary(self, found: Found) -> None:
        for host in self._hosts(found.routes):
            if who := self.given.taken(host):
                raise PlanRefused(
                    f"{who} moves the requests of {host} at the moment: two canaries on one host would each see the "
                    "other's requests. Wait until it has ended."
                )
        for route in found.routes:
            others = self._others(route)
            for manifest in self._manifests:
                if words := find(route.router).clashes(manifest, route, others):
                    raise PlanRefused(" ".join(dict.fromkeys(words)))

    def _others(self, route: Route) -> list[Manifest]:
        """The cluster's Ingresses: they share hosts across namespaces. Those of one where more may not be seen."""
        if route.router != "nginx":
            return []
        try:
            return list(self.given.listed(*INGRESSES, ""))
        except Denied:
            return list(self.given.listed(*INGRESSES, route.namespace))

    def _hosts(self, routes: Iterable[Route]) -> tuple[str, ...]:
        moving = [(find(each.router), each) for each in routes if not find(each.router).follows]
        found = (
            host for router, each in moving for manifest in self._manifests for host in router.hosts(manifest, each)
        )
        return tuple(dict.fromkeys(found))

    def _entry(self, found: Found) -> CanaryWorkload:
        ref = found.wanted.ref
        return CanaryWorkload(
            workload=ref.name,
            key=ref.key,
            canary=canary_of(ref).key,
            route=found.route,
            others=found.routes[1:],
            replicas=_size(found),
            scaler=self._scaler(ref),
            hosts=self._hosts(found.routes),
        )

    def _scaler(self, workload: Ref) -> Ref | None:
        """The autoscaler of the bundle, else one that stands there under the workload's name."""
        if scaler := scaler_of(self.given.objects, workload):
            return scaler
        for api_version, kind in AUTOSCALERS:
            ref = Ref(api_version, kind, workload.namespace, workload.name)
            if (live := self._visible(ref)) and scales(live, workload):
                return ref
        return None

    def _visible(self, ref: Ref) -> Manifest | None:
        """What is there, as far as it may be looked at: an autoscaler out of sight holds nothing up."""
        try:
            return self.given.live(ref)
        except Denied:
            return None

    def _objects(self, found: list[Found], entries: tuple[CanaryWorkload, ...]) -> tuple[Wanted, ...]:
        first = self.weights[0]
        routes = {
            entry.key: (each.routes, entry.needs(first, entry.replicas))
            for each, entry in zip(found, entries, strict=True)
        }
        moved = [each.wanted.ref for each in found]
        objects = beside(self.given.objects, routes)
        return hash_names(objects, [*moved, *map(canary_of, moved)], self.given.environment)

    def _notes(
        self, found: list[Found], entries: tuple[CanaryWorkload, ...], rolled: Mapping[str, str]
    ) -> tuple[tuple[str, str], ...]:
        weights = ", ".join(map(str, self.weights))
        canaried = [f"{each.workload} by {_moved_by(each)}: {weights} %" for each in entries]
        metrics = self._parameters.get("metrics")
        analysed = found and metrics != []
        return (
            ("Canaried", "; ".join(canaried)),
            ("Rolled", "; ".join(f"{name}: {why}" for name, why in rolled.items())),
            (
                "Shares are coarse",
                "; ".join(_coarse(entry) for entry in entries if entry.coarse),
            ),
            ("There may be no room for the canary", self._lacking(found, entries)),
            ("Requests that do not follow the weights", " ".join(self._unsupported(found))),
            ("Not moved", "; ".join(self._left(found, entries))),
            ("Not measured", ", ".join(text for entry in entries for text in unmeasured(entry)) if analysed else ""),
            ("Nothing is measured", "" if analysed or not found else "The weights only hold their time."),
            ("No Prometheus", "" if self.given.measured or not analysed else NO_PROMETHEUS),
        )

    def _lacking(self, found: list[Found], entries: tuple[CanaryWorkload, ...]) -> str:
        """What nodes and quotas have no room for, as far as they may be looked at: nodes may come by themselves."""
        needs = [self._need(each, entry) for each, entry in zip(found, entries, strict=True)]
        namespaces = sorted({each.wanted.ref.namespace for each in found})
        try:
            quotas = [each for namespace in namespaces for each in self.given.listed("v1", "ResourceQuota", namespace)]
            words = [*capacity.over_quota(needs, quotas)] if needs else []
            if any(capacity.requests_of(need.spec) for need in needs):
                words += capacity.lacking(
                    needs, self.given.listed("v1", "Node", ""), self.given.listed("v1", "Pod", "")
                )
        except Denied:
            return ""
        return "; ".join(words)

    def _need(self, found: Found, each: CanaryWorkload) -> capacity.Need:
        spec = found.wanted.manifest["spec"]["template"]["spec"]
        return capacity.Need(canary_of(found.wanted.ref).name, spec, each.needs(self.weights[-1], each.replicas))

    def _left(self, found: list[Found], entries: tuple[CanaryWorkload, ...]) -> list[str]:
        pairs = zip(found, entries, strict=True)
        return [words for each, entry in pairs for words in told(entry, each.left, self.weights)]

    def _unsupported(self, found: list[Found]) -> list[str]:
        words = (
            words
            for each in found
            for route in each.routes
            if not find(route.router).follows
            for manifest in self._manifests
            for words in find(route.router).unsupported(manifest, route, self.testers)
            if route.router != "service" or "testers" in words
        )
        return list(dict.fromkeys(words))


NO_PROMETHEUS = "The environment has no Prometheus, so the canary stops at its first weight and asks."


def _is_unlabelled(wanted: Wanted, names: Collection[str]) -> bool:
    return wanted.ref.kind == "Deployment" and wanted.ref.name in names


def _size(found: Found) -> int:
    return int(found.live["spec"].get("replicas", 1))


def _text(route: Route) -> str:
    title = find(route.router).title
    return f"{title} {route.object.kind} {route.object.name}" if route.object else f"{title} {route.service}"


def _moved_by(each: CanaryWorkload) -> str:
    """ "Istio VirtualService web, VirtualService web-inner and NGINX Ingress Ingress admin"."""
    return ", ".join(_text(route) for route in each.moving)


def _coarse(each: CanaryWorkload) -> str:
    first = each.needs(1, each.replicas)
    share = round(100 * first / (first + each.replicas)) if each.replicas else 100
    return (
        f"{each.workload}: with {each.replicas} pods the smallest step is {share} %; up to {LARGEST_SHARE} % the "
        "canary grows, at 100 % its pods alone are chosen"
    )
