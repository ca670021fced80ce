"""Ingresses as ingress-nginx reads them: one marked as canary joins another's rule of the same host and path. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.edge.model import (
    Backend,
    CanaryPlace,
    EdgeRequest,
    Match,
    RoutedObject,
    RoutingRule,
    full_match,
    under_path,
)
from sandbox.meta import Object, annotations_of, key_of

KIND = "networking.k8s.io/Ingress"
_NGINX = "nginx.ingress.kubernetes.io/"
_WHOLE, _EXACT = 100, 1_000


def source(ingress: Object) -> RoutedObject:
    """What an Ingress routes."""
    if annotations_of(ingress).get(_NGINX + "canary") == "true":
        return RoutedObject("Ingress", key_of(ingress), canaries=tuple(_canary_places(ingress)))
    rules: defaultdict[str, list[RoutingRule]] = defaultdict(list)
    for host, item, backend in _paths(ingress):
        rules[host].append(_rule(ingress, item, backend))
    default = (ingress.get("spec") or {}).get("defaultBackend")
    anything = _backend(default, ingress["metadata"]["namespace"]) if default else None
    if anything is not None:
        rules["*"].append(RoutingRule("Ingress", *key_of(ingress), "/", (anything,)))
    return RoutedObject("Ingress", key_of(ingress), {host: tuple(found) for host, found in sorted(rules.items())})


def joined(rules: Iterable[RoutingRule], canaries: Iterable[CanaryPlace]) -> list[RoutingRule]:
    """The rules of one host with its canaries; a canary without a main rule serves nothing."""
    places = {place.path: place for place in canaries}
    mains = {rule.path: rule for rule in rules if rule.kind == "Ingress"}
    return [
        _with_canary(rule, places[rule.path]) if rule.path in places and mains.get(rule.path) is rule else rule
        for rule in rules
    ]


def _with_canary(rule: RoutingRule, place: CanaryPlace) -> RoutingRule:
    main = rule.backends[0]._replace(weight=max(place.total - place.backend.weight, 0))
    return rule._replace(backends=(main, place.backend), testers=place.testers)


def _paths(ingress: Object) -> Iterable[tuple[str, Mapping[str, Any], Backend]]:
    for rule in (ingress.get("spec") or {}).get("rules") or ():
        for item in (rule.get("http") or {}).get("paths") or ():
            backend = _backend(item["backend"], ingress["metadata"]["namespace"])
            if backend is not None:
                yield rule.get("host") or "*", item, backend


def _backend(item: Mapping[str, Any], namespace: str) -> Backend | None:
    service = item.get("service")
    if not service:
        return None
    port = service.get("port") or {}
    return Backend(namespace, service["name"], str(port.get("name") or port.get("number") or ""), weight=_WHOLE)


def _rule(ingress: Object, item: Mapping[str, Any], backend: Backend) -> RoutingRule:
    path, exact = item.get("path") or "/", item.get("pathType") == "Exact"
    rank = len(path) + (_EXACT if exact else 0)
    return RoutingRule("Ingress", *key_of(ingress), path, (backend,), _match(path, exact=exact), rank)


def _match(path: str, *, exact: bool) -> Match:
    return lambda request: request.path == path or (not exact and under_path(request.path, path))


def _canary_places(ingress: Object) -> Iterable[CanaryPlace]:
    said = {
        name.removeprefix(_NGINX): value
        for name, value in annotations_of(ingress).items()
        if name.startswith(_NGINX + "canary")
    }
    weight, total = _number(said.get("canary-weight"), 0), _number(said.get("canary-weight-total"), _WHOLE)
    for host, item, backend in _paths(ingress):
        upstream = f"{backend.namespace}-{backend.service}-{backend.port}"
        chosen = backend._replace(weight=weight, canary=upstream)
        yield CanaryPlace(host, item.get("path") or "/", chosen, total, _testers(said))


def _number(text: str | None, default: int) -> int:
    try:
        return int(text or default)
    except ValueError:
        return 0


def _testers(said: Mapping[str, str]) -> Callable[[EdgeRequest], str]:
    """Who is sent to the canary, or kept from it, whatever the weight is."""
    header, cookie = said.get("canary-by-header", ""), said.get("canary-by-cookie", "")
    value, pattern = said.get("canary-by-header-value", ""), said.get("canary-by-header-pattern", "")

    def decide(request: EdgeRequest) -> str:
        by_header = _by_header(request.header(header), value, pattern) if header else ""
        if by_header:
            return by_header
        sent = request.cookie(cookie) if cookie else ""
        return sent if sent in ("always", "never") else ""

    return decide


def _by_header(sent: str, value: str, pattern: str) -> str:
    if value:
        return "always" if sent == value else ""
    if pattern:
        return "always" if sent and full_match(pattern, sent) else ""
    return sent if sent in ("always", "never") else ""
