"""Which router moves a workload's requests. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from common.discovery import modules_of
from environments.kube.objects import Manifest
from environments.kube.traffic.base import Route, Router, of_kind

# The nearest to the pod first: where a mesh routes, an Ingress before it decides nothing between two versions.
ORDER = ("istio", "gateway", "nginx", "service")
NO_ROUTERS = frozenset({"base", "choosing", "moving"})
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


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
    """The names of all routers, in the order in which they are looked for."""
    return tuple(_all())


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


def _completed(route: Route, objects: Sequence[Manifest], host: str) -> Route:
    """The Route with the host that the bundle's settings name, and with its Service's port."""
    services = (each for each in of_kind(objects, "", "Service") if each["metadata"]["name"] == route.service)
    ports = (port["port"] for each in services for port in each.get("spec", {}).get("ports") or [])
    return replace(route, host=host or route.host, port=route.port or next(ports, 0))


def service_of(objects: Sequence[Manifest], namespace: str, workload: str) -> str:
    """The Service that selects the workload's pods, that of its own name first; "" for none."""
    labels = _pod_labels(objects, namespace, workload)
    found = [
        str(each["metadata"]["name"])
        for each in of_kind(objects, "", "Service")
        if each["metadata"].get("namespace", namespace) == namespace and _selects(each, labels)
    ]
    return workload if workload in found else next(iter(found), "")


def _pod_labels(objects: Sequence[Manifest], namespace: str, workload: str) -> Mapping[str, str]:
    for each in objects:
        metadata = each.get("metadata", {})
        named = (metadata.get("namespace", namespace), metadata.get("name")) == (namespace, workload)
        if named and each.get("kind") in WORKLOADS:
            return each["spec"]["template"]["metadata"].get("labels") or {}
    return {}


def _selects(service: Manifest, labels: Mapping[str, str]) -> bool:
    selector = service.get("spec", {}).get("selector") or {}
    return bool(selector) and selector.items() <= labels.items()


def _is_for(wish: Wish, namespace: str, workload: str) -> bool:
    """Whether a wish's NAME, KIND/NAME or KIND/NAMESPACE/NAME is that workload."""
    *before, name = wish.workload.split("/")
    return name == workload and (len(before) < 2 or before[-1] == namespace)
