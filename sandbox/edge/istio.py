"""VirtualServices and the subsets of DestinationRules. Pure."""

from collections.abc import Mapping
from typing import Any

from sandbox.edge.model import (
    Backend,
    EdgeRequest,
    Match,
    RoutedObject,
    RoutingRule,
    full_match,
    service_hosts,
    service_of,
)
from sandbox.meta import NamespacedName, Object, key_of

KIND, SUBSETS = "networking.istio.io/VirtualService", "networking.istio.io/DestinationRule"


def source(service: Object) -> RoutedObject:
    """What a VirtualService routes."""
    key, spec = key_of(service), service.get("spec") or {}
    rules = tuple(_rule(key, str(place), item) for place, item in enumerate(spec.get("http") or ()))
    return RoutedObject("VirtualService", key, dict.fromkeys(_hosts(spec.get("hosts") or (), key.namespace), rules))


def subsets(rule: Object) -> tuple[tuple[str, str], dict[str, dict[str, str]]]:
    """(namespace, name) of the Service that a DestinationRule is of, and the labels of each subset."""
    spec = rule.get("spec") or {}
    labels = {item["name"]: dict(item.get("labels") or {}) for item in spec.get("subsets") or ()}
    return service_of(str(spec.get("host", "")), rule["metadata"]["namespace"]), labels


def _hosts(named: tuple[str, ...] | list[str], namespace: str) -> list[str]:
    found: set[str] = set(named)
    for host in named:
        parts = host.split(".")
        if len(parts) == 1 and host != "*":
            found.update(service_hosts(namespace, host))
        elif len(parts) > 2 and parts[2] == "svc":
            found.update(service_hosts(parts[1], parts[0]))
    return sorted(found)


def _rule(key: NamespacedName, path: str, item: Mapping[str, Any]) -> RoutingRule:
    routes = item.get("route") or ()
    alone = len(routes) == 1
    backends = tuple(
        _backend(route.get("destination") or {}, key.namespace, 1 if alone else int(route.get("weight") or 0))
        for route in routes
    )
    mirror = item.get("mirror")
    return RoutingRule(
        "VirtualService",
        *key,
        path,
        backends,
        _any_of(item.get("match") or ()),
        mirror=_backend(mirror, key.namespace, 1) if mirror else None,
    )


def _backend(destination: Mapping[str, Any], namespace: str, weight: int) -> Backend:
    number = (destination.get("port") or {}).get("number")
    place = service_of(str(destination.get("host", "")), namespace)
    return Backend(*place, str(number or ""), str(destination.get("subset") or ""), weight)


def _any_of(matches: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]) -> Match | None:
    if not matches:
        return None
    return lambda request: any(_matches(item, request) for item in matches)


def _matches(match: Mapping[str, Any], request: EdgeRequest) -> bool:
    asked = [
        (match.get("uri"), request.path),
        (match.get("method"), request.method),
        *((rule, request.header(name)) for name, rule in (match.get("headers") or {}).items()),
        *((rule, request.parameter(name)) for name, rule in (match.get("queryParams") or {}).items()),
    ]
    return all(rule is None or _says(rule, value) for rule, value in asked)


def _says(rule: Mapping[str, Any], value: str) -> bool:
    """A StringMatch; an empty one asks that there be a value."""
    if rule.get("exact"):
        return bool(value == rule["exact"])
    if rule.get("prefix"):
        return value.startswith(rule["prefix"])
    return full_match(rule["regex"], value) if rule.get("regex") else value != ""
