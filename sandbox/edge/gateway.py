"""HTTPRoutes of the Gateway API. Pure."""

from collections.abc import Mapping
from typing import Any

from sandbox.edge.model import (
    Backend,
    EdgeRequest,
    Match,
    Parent,
    RoutedObject,
    RoutingRule,
    full_match,
    service_hosts,
    under_path,
)
from sandbox.meta import NamespacedName, Object, key_of

KIND = "gateway.networking.k8s.io/HTTPRoute"
GATEWAY = "gateway.networking.k8s.io/Gateway"


def source(route: Object) -> RoutedObject:
    """What an HTTPRoute routes: one rule for each match, because each has a rank of its own."""
    key, spec = key_of(route), route.get("spec") or {}
    rules = tuple(rule for place, item in enumerate(spec.get("rules") or ()) for rule in _rules(key, str(place), item))
    return RoutedObject("HTTPRoute", key, dict.fromkeys(_hosts(spec, key.namespace), rules), parents_of(route))


def parents_of(route: Object) -> tuple[Parent, ...]:
    """What the route attaches to, in its order."""
    here = route["metadata"]["namespace"]
    references = (route.get("spec") or {}).get("parentRefs") or ()
    return tuple(
        Parent(
            "Service" if item.get("kind") == "Service" else GATEWAY,
            NamespacedName(item.get("namespace", here), item["name"]),
        )
        for item in references
    )


def services_of(route: Object) -> set[NamespacedName]:
    """The Services that its backendRefs name."""
    here = route["metadata"]["namespace"]
    rules = (route.get("spec") or {}).get("rules") or ()
    return {
        NamespacedName(item.get("namespace", here), item["name"])
        for rule in rules
        for item in rule.get("backendRefs") or ()
    }


def _hosts(spec: Mapping[str, Any], namespace: str) -> list[str]:
    named = list(spec.get("hostnames") or ())
    if named:
        return named
    meshed = [item["name"] for item in spec.get("parentRefs") or () if item.get("kind") == "Service"]
    return [host for name in meshed for host in service_hosts(namespace, name)] or ["*"]


def _rules(key: NamespacedName, path: str, item: Mapping[str, Any]) -> list[RoutingRule]:
    filters = item.get("filters") or ()
    headers = tuple(_headers(filters))
    backends = tuple(_backend(one, key.namespace, headers) for one in item.get("backendRefs") or ())
    mirrors = [one["requestMirror"]["backendRef"] for one in filters if one.get("requestMirror")]
    mirror = _backend(mirrors[-1], key.namespace) if mirrors else None
    matches = item.get("matches") or [{}]
    return [RoutingRule("HTTPRoute", *key, path, backends, _match(one), rank(one), mirror) for one in matches]


def _headers(filters: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    modifiers = [item["requestHeaderModifier"] for item in filters if item.get("requestHeaderModifier")]
    chosen = modifiers[-1] if modifiers else {}
    return [(one["name"], one["value"]) for verb in ("set", "add") for one in chosen.get(verb) or ()]


def _backend(item: Mapping[str, Any], namespace: str, headers: tuple[tuple[str, str], ...] = ()) -> Backend:
    weight = item.get("weight")
    return Backend(
        str(item.get("namespace") or namespace),
        str(item["name"]),
        str(item.get("port") or ""),
        weight=1 if weight is None else int(weight),
        headers=headers,
    )


def _match(match: Mapping[str, Any]) -> Match:
    return lambda request: _matches(match, request)


def _matches(match: Mapping[str, Any], request: EdgeRequest) -> bool:
    if match.get("method") and match["method"] != request.method:
        return False
    if match.get("path") and not _path_matches(match["path"], request.path):
        return False
    headers, parameters = match.get("headers") or (), match.get("queryParams") or ()
    return all(_header_matches(item, request.header(item["name"])) for item in headers) and all(
        request.parameter(item["name"]) == item["value"] for item in parameters
    )


def _path_matches(wanted: Mapping[str, Any], path: str) -> bool:
    value = str(wanted.get("value") or "/")
    match wanted.get("type"):
        case "Exact":
            return path == value
        case "RegularExpression":
            return full_match(value, path)
    return under_path(path, value)


def _header_matches(wanted: Mapping[str, Any], value: str) -> bool:
    if value == wanted["value"]:
        return True
    return wanted.get("type") == "RegularExpression" and value != "" and full_match(wanted["value"], value)


def rank(match: Mapping[str, Any]) -> int:
    """The specification's precedence: exact path, longest prefix, method, headers, query."""
    path = match.get("path") or {}
    exact = 1_000_000 if path.get("type") == "Exact" else 0
    method = 100 if match.get("method") else 0
    headers, parameters = len(match.get("headers") or ()), len(match.get("queryParams") or ())
    return exact + 1_000 * len(path.get("value") or "") + method + 10 * min(headers, 9) + min(parameters, 9)
