"""Every route by which a canary's workload gets requests: those that move, and those that do not and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import Route, all_routes, choose, find, leading
from environments.kube.traffic.choosing import canary_service
from environments.kube.traffic.gateway import KINDS
from environments.kube.traffic.istio_by_host import PLAIN
from environments.kube.traffic.nginx import goes_on_through_the_mesh
from environments.kube.traffic.pods import services_of
from environments.manifests.settings import RouteSetting
from releases.plan.objects import Wanted
from releases.strategies.base import Arranging
from releases.strategies.canary.workloads import CanaryWorkload
from releases.strategies.shared.two_versions import UNTIL_THE_END, seen, surroundings

BESIDE = "beside"
OBJECTS = (
    ("networking.istio.io/v1", "VirtualService"),
    *(("gateway.networking.k8s.io/v1", kind) for kind in KINDS),
    ("networking.k8s.io/v1", "Ingress"),
)
ROUTING = frozenset(kind for _, kind in OBJECTS)


@dataclass(frozen=True)
class Ways:
    """The routes of one workload, as the bundle and the cluster have them."""

    given: Arranging
    wanted: Wanted

    @cached_property
    def around(self) -> list[Manifest]:
        return surroundings(self.given, self.wanted.ref.namespace)

    @property
    def _asked(self) -> str:
        return str(self.given.parameters.get("router") or "")

    def routes(self) -> tuple[Route, ...]:
        """All that is written to, the main one first; () where nothing leads to the workload."""
        if stored := self._stored():
            return stored
        ref, wishes = self.wanted.ref, self._wishes
        main = choose(self.around, wishes, ref.namespace, ref.name, self._asked)
        if main is None:
            return ()
        every = [each for each in all_routes(self.around, wishes, main, self._asked) if self._moves(each, main)]
        moving = [there for each in every if (there := self._as_it_is(each))] or [main]
        first, *others = [replace(each, measured_with=_measured_with(each, moving)) for each in moving]
        return (replace(first, canary=main.canary, companion=""), *others, *self._beside(main))

    def _as_it_is(self, route: Route) -> Route | None:
        """The route as what is there has it, too; None where that does not lead to the workload yet."""
        if route.object is None:
            return route
        live = self._live(route.object)
        near = [each for each in self.around if each["kind"] not in ROUTING]
        found = live and find(route.router).detect([live, *near], route.namespace, route.workload, route.service)
        return replace(route, subsets=tuple(sorted({*route.subsets, *found.subsets}))) if found else None

    def _live(self, ref: Ref) -> Manifest | None:
        return self.given.live(ref) if self.given.knows(ref.api_version, ref.kind) else None

    def _stored(self) -> tuple[Route, ...]:
        """Those of the plan that an undo brings back."""
        for entry in self.given.again:
            if entry.get("kind") == CanaryWorkload.kind and entry["key"] == self.wanted.ref.key:
                return CanaryWorkload.from_json(entry).routes
        return ()

    @property
    def _wishes(self) -> tuple[RouteSetting, ...]:
        return self.given.routes

    def _moves(self, route: Route, main: Route) -> bool:
        """Whether it can have weights of its own beside the main one's."""
        if main.router != "istio" or route.router == "istio":
            return True
        if not main.by_host:
            return False  # the Service has to lead to both sides, so no other can tell them apart
        at = next((each for each in self.around if route.object and ref_of(each) == route.object), {})
        return not (route.router == "nginx" and goes_on_through_the_mesh(at))

    def _beside(self, main: Route) -> list[Route]:
        """The workload's Services, kept to stable while the canary is there."""
        if find(main.router).coarse:
            return []
        services = dict.fromkeys([main.service, *services_of(self.around, main.namespace, main.workload)])
        by_host = main.router != "istio" or main.by_host
        return [
            Route(
                BESIDE,
                main.namespace,
                main.workload,
                name,
                port=main.port if name == main.service else 0,
                stable=name,
                canary=canary_service(main, name),
                by_host=by_host,
            )
            for name in services
        ]

    def left(self, routes: Sequence[Route]) -> list[Ref]:
        """What leads to the workload's Services and is not moved: of the bundle, and of others where one may look."""
        moved = [each for each in routes if each.router != BESIDE]
        if not moved or find(moved[0].router).coarse:
            return []
        return list(leading([*self.around, *self._others()], moved))

    def _others(self) -> list[Manifest]:
        """Routes of the cluster that the release has not."""
        known = {each.ref.key for each in self.given.objects}
        kinds = [each for each in OBJECTS if self.given.knows(*each)]
        found = [each for kind in kinds for each in seen(self.given, *kind, self.wanted.ref.namespace)]
        return [each for each in found if ref_of(each).key not in known]


def is_inside_its_subset(routes: Sequence[Route]) -> bool:
    """Whether subsets of the bundle tell the workload apart from others behind the same Service."""
    return bool(routes) and routes[0].router == "istio" and routes[0].by_host and PLAIN not in routes[0].subsets


def told(each: CanaryWorkload, left: Sequence[Ref], weights: Sequence[int]) -> list[str]:
    """What does not follow the weights, and what it gets, in words."""
    kept = [route for route in each.routes if route.router == BESIDE]
    gets = UNTIL_THE_END if all(route.by_host for route in kept) else f"by pods: {shares_by_pods(each, weights)}"
    return [*(f"{ref.kind} {ref.name}: {gets}" for ref in left), *(f"Service {e.service} itself: {gets}" for e in kept)]


def shares_by_pods(each: CanaryWorkload, weights: Sequence[int]) -> str:
    """The share that the canary's pods are of all, from the first weight to the last: "about 25 to 50 %"."""
    counts = [each.needs(weight, each.replicas) for weight in (weights[0], weights[-1])]
    low, high = (round(100 * count / (count + each.replicas)) if each.replicas else 100 for count in counts)
    return f"about {low} %" if low == high else f"about {low} to {high} %"


def _measured_with(route: Route, moving: Sequence[Route]) -> tuple[str, ...]:
    same = [each for each in moving if each.router == route.router == "nginx" and each is not route]
    return tuple(each.object.name for each in same if each.object)


def unmeasured(each: CanaryWorkload) -> list[str]:
    """Routes whose requests the metrics of the main one do not count."""
    if each.route.router == "istio":
        return []
    return [route.text for route in each.moving if route.router != each.route.router]
