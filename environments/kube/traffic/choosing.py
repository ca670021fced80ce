"""Which router moves a workload's requests. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from common.discovery import modules_of
from environments.kube.names import CANARY
from environments.kube.objects import Manifest, Ref
from environments.kube.traffic.base import Route, Router, fits_hint, is_at, of_kind
from environments.kube.traffic.pods import services_of

# The nearest to the pod first: where a mesh routes, an Ingress before it decides nothing between two versions.
ORDER = ("istio", "gateway", "nginx", "service")
NO_ROUTERS = frozenset({"base", "choosing", "istio_by_host", "istio_entries", "moving", "pods", "several"})
LONGEST_NAME = 253


class RouterError(ValueError):
    """There is no router of that name; the words name those that there are."""


class Wish(Protocol):
    """A route of a bundle's slipway.yaml; every text may be "" but the first two."""

    @property
    def workload(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def router(self) -> str: ...
    @property
    def object(self) -> str: ...
    @property
    def host(self) -> str: ...


@cache
def _all() -> Mapping[str, Router]:
    found = (module.ROUTER for module in modules_of(__name__.rpartition(".")[0], apart=NO_ROUTERS))
    return {router.name: router for router in sorted(found, key=_rank)}


def _rank(router: Router) -> tuple[int, str]:
    return (ORDER.index(router.name) if router.name in ORDER else len(ORDER) - 1, router.name)


def names() -> tuple[str, ...]:
    """The names of all routers that one may choose, in the order in which they are looked for."""
    return tuple(name for name, router in _all().items() if not router.follows)


def find(name: str) -> Router:
    """The router of that name. RouterError (a ValueError) names those that there are."""
    if name not in _all():
        raise RouterError(f"There is no router {name!r}; there are: {', '.join(names())}.")
    return _all()[name]


def choose(
    objects: Sequence[Manifest], routes: Sequence[Wish], namespace: str, workload: str, wanted: str = ""
) -> Route | None:
    """The Route of a workload, None where nothing leads requests to it.

    `wanted` is a router's name from the rollout's parameters; without it the bundle's slipway.yaml decides, and
    where that is silent the objects do. Raises RouterError.
    """
    wish = next((each for each in routes if _is_for(each, namespace, workload)), None)
    service = wish.service.rpartition("/")[2] if wish else service_of(objects, namespace, workload)
    if not service:
        return None
    asked = wanted or (wish.router if wish else "")
    hint = wish.object or wish.host if wish and wanted in ("", wish.router) else ""
    for name in (asked,) if asked else names():
        route = find(name).detect(objects, namespace, workload, service, hint)
        if route is not None:
            return _completed(route, objects, wish.host if wish else "")
    return None


def all_routes(objects: Sequence[Manifest], wishes: Sequence[Wish], main: Route, wanted: str = "") -> tuple[Route, ...]:
    """Every route that moves the requests of a workload, `main` (of `choose`) first.

    `objects` are the bundle's, and what else of the cluster tells where they lead. Several routes of the bundle's
    slipway.yaml that name an object, a host or a router, and `wanted`, are all that is moved.
    """
    services = services_of(objects, main.namespace, main.workload)
    names_of_services = list(dict.fromkeys([main.service, *services]))
    if find(main.router).coarse:
        found = [_by(main.router, objects, main, service) for service in names_of_services]
    else:
        found = [
            route
            for name in names()
            if not find(name).coarse and wanted in ("", name)
            for service in names_of_services
            for route in find(name).routes(objects, main.namespace, main.workload, service)
            if _is_wished(route, objects, wishes, wanted)
        ]
    return (main, *_numbered([each for each in found if each and not _is_same(each, main)], main))


def leading(objects: Sequence[Manifest], routes: Sequence[Route]) -> tuple[Ref, ...]:
    """What else of these objects leads to the Services of a workload, and is moved by none of its routes."""
    moved = {each.object.key for each in routes if each.object}
    services = {each.service: each for each in routes}
    found = [
        ref
        for name in names()
        for route in services.values()
        for ref in find(name).leading(objects, route)
        if ref.key not in moved
    ]
    return tuple(dict.fromkeys(found))


def _by(router: str, objects: Sequence[Manifest], main: Route, service: str) -> Route | None:
    return find(router).detect(objects, main.namespace, main.workload, service)


def _is_same(route: Route, main: Route) -> bool:
    same = route.object.key == main.object.key if route.object and main.object else route.object is main.object
    return same and route.service == main.service


def _is_wished(route: Route, objects: Sequence[Manifest], wishes: Sequence[Wish], wanted: str) -> bool:
    """Whether what the bundle's settings name for the workload includes the route; where they name none, all are."""
    mine = [each for each in wishes if _is_for(each, route.namespace, route.workload)]
    narrowing = [each for each in mine if each.router or each.object or each.host]
    if wanted or not narrowing:
        return True
    at = next((each for each in objects if is_at(each, route.object)), None)
    return any(
        each.router in ("", route.router) and (not hint or (at is not None and fits_hint(at, hosts_of(at), hint)))
        for each in narrowing
        for hint in [each.object or each.host]
    )


def hosts_of(manifest: Manifest) -> list[str]:
    """The hosts that an object of whatever router has requests of."""
    spec = manifest.get("spec") or {}
    rules = [rule.get("host", "") for rule in spec.get("rules") or [] if isinstance(rule, dict)]
    return [*(spec.get("hosts") or []), *(spec.get("hostnames") or []), *filter(None, rules)]


def _numbered(routes: Sequence[Route], main: Route) -> list[Route]:
    """The routes with names of their own for what each brings while the canary is there."""
    return [
        replace(
            route,
            canary=main.canary if route.service == main.service else canary_service(main, route.service),
            companion=f"{route.object.name}-{main.canary}"[:LONGEST_NAME].rstrip("-.") if route.object else "",
        )
        for route in routes
    ]


def canary_service(main: Route, service: str) -> str:
    """The name of the canary's own Service beside one of the workload's Services."""
    if service == main.service:
        return main.canary
    name = f"{service}-{CANARY}"
    return name if name != main.canary else f"{service}-also-{CANARY}"


def _completed(route: Route, objects: Sequence[Manifest], host: str) -> Route:
    """The Route with the host that the bundle's settings name, and with its Service's port."""
    services = (each for each in of_kind(objects, "", "Service") if each["metadata"]["name"] == route.service)
    ports = (port["port"] for each in services for port in each.get("spec", {}).get("ports") or [])
    return replace(route, host=host or route.host, port=route.port or next(ports, 0))


def service_of(objects: Sequence[Manifest], namespace: str, workload: str) -> str:
    """The Service that selects the workload's pods, that of its own name first; "" for none."""
    return next(iter(services_of(objects, namespace, workload)), "")


def _is_for(wish: Wish, namespace: str, workload: str) -> bool:
    """Whether a wish's NAME, KIND/NAME or KIND/NAMESPACE/NAME is that workload."""
    *before, name = wish.workload.split("/")
    return name == workload and (len(before) < 2 or before[-1] == namespace)
