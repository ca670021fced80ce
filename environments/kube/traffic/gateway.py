"""Gateway API: the weights of the backendRefs of HTTPRoutes and GRPCRoutes, and of TLSRoutes and TCPRoutes.

The list spec.rules is one value for an apply, so it is always written whole. A rule moves when all its backends are
the workload's Service.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic.base import (
    NO_TESTERS,
    Live,
    Path,
    Route,
    Router,
    Testers,
    fits_hint,
    is_at,
    named,
    of_kind,
    with_sides,
    with_spec,
)

GROUP = "gateway.networking.k8s.io"
KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
BY_HEADER = frozenset({"HTTPRoute", "GRPCRoute"})
RULES: Path = ("f:spec", "f:rules")
PARENT = ("group", "kind", "namespace", "name", "sectionName", "port")
DEFAULTS = {"group": GROUP, "kind": "Gateway"}
CONDITIONS = ("Accepted", "ResolvedRefs")

Rule = dict[str, Any]


class GatewayApi(Router):
    name = "gateway"
    title = "Gateway API"
    needs = ((f"{GROUP}/v1", "HTTPRoute"),)

    def routes(
        self, objects: Sequence[Manifest], namespace: str, workload: str, service: str, hint: str = ""
    ) -> Iterator[Route]:
        for each in _of_kinds(objects):
            hosts = each.get("spec", {}).get("hostnames") or []
            draft = Route(self.name, namespace, workload, service, ref_of(each, namespace), next(iter(hosts), ""))
            route = with_sides(draft)
            moved = [rule for rule in _rules(each) if _is_all_of(rule, route)]
            if fits_hint(each, hosts, hint) and moved:
                yield replace(route, port=_base(moved[0]).get("port", 0))

    def leading(self, objects: Sequence[Manifest], route: Route) -> list[Ref]:
        found = ((each, replace(route, object=ref_of(each, route.namespace))) for each in _of_kinds(objects))
        return [
            draft.object
            for each, draft in found
            if draft.object and any(_is_side(backend, draft) for rule in _rules(each) for backend in _backends(rule))
        ]

    def point(self, manifest: Manifest, route: Route, to: str) -> Manifest:
        if not is_at(manifest, route.object):
            return manifest
        return with_spec(manifest, rules=[_pointed(rule, route, to) for rule in _without_ours(manifest, route)])

    def target_of(self, manifest: Manifest, route: Route) -> str:
        found = {each["name"] for rule in _rules(manifest) for each in _backends(rule) if _is_side(each, route)}
        return found.pop() if len(found) == 1 else ""

    def owned(self, manifest: Manifest, route: Route) -> Manifest:
        return {**named(manifest), "spec": {"rules": _rules(manifest)}}

    def weighted(self, route: Route) -> tuple[Ref, Path]:
        return self.main(route), RULES

    def weigh(self, live: Live, route: Route, weight: int, testers: Testers) -> list[Manifest]:
        http = live.objects[self.main(route)]
        conditions = _conditions(testers) if http["kind"] in BY_HEADER else []
        rules: list[Rule] = []
        for rule in _without_ours(http, route):
            if _is_all_of(rule, route):
                rules += [*_for_testers(rule, route, conditions), {**rule, "backendRefs": _split(rule, route, weight)}]
            else:
                rules.append(rule)
        return [{**named(http), "spec": {"rules": rules}}]

    def weight_of(self, live: Live, route: Route) -> int:
        http = live.objects[self.main(route)]
        shares = {_share(rule, route) for rule in _without_ours(http, route) if _is_all_of(rule, route)}
        return shares.pop() if len(shares) == 1 else -1

    def rest(self, live: Live, route: Route) -> list[Manifest]:
        http = live.objects[self.main(route)]
        rules = [
            {**rule, "backendRefs": [_to(rule, route.stable, 1)]} if _has_canary(rule, route) else rule
            for rule in _without_ours(http, route)
        ]
        return [] if rules == _rules(http) else [{**named(http), "spec": {"rules": rules}}]

    def not_accepted(self, live: Live, route: Route) -> str:
        http = live.objects[self.main(route)]
        problems = (_of_parent(http, parent) for parent in http.get("spec", {}).get("parentRefs") or [])
        return " ".join(filter(None, problems))

    def hosts(self, manifest: Manifest, route: Route) -> tuple[str, ...]:
        if not is_at(manifest, route.object):
            return ()
        names = manifest.get("spec", {}).get("hostnames") or ["*"]
        paths = [path for rule in _rules(manifest) if _is_all_of(rule, route) for path in _paths(rule)]
        return tuple(dict.fromkeys(f"{name}{path}" for name in names for path in paths))

    def unsupported(self, manifest: Manifest, route: Route, testers: Testers = NO_TESTERS) -> tuple[str, ...]:
        if not is_at(manifest, route.object):
            return ()
        mixed = [
            f"rules[{number}]"
            for number, rule in enumerate(_rules(manifest))
            if any(_is_side(each, route) for each in _backends(rule)) and not _is_all_of(rule, route)
        ]
        if not mixed:
            return ()
        what = f"{', '.join(mixed)} of {route.text} also leads to other services"
        return (f"{what}: it stays on the stable version.",)


def _of_kinds(objects: Sequence[Manifest]) -> list[Manifest]:
    return [each for kind in KINDS for each in of_kind(objects, GROUP, kind)]


def _rules(manifest: Mapping[str, Any]) -> list[Rule]:
    return list((manifest.get("spec") or {}).get("rules") or [])


def _backends(rule: Rule) -> list[Rule]:
    return list(rule.get("backendRefs") or [])


def _is_side(backend: Rule, route: Route) -> bool:
    at = route.object.namespace if route.object else route.namespace
    kind = (backend.get("group") or "", backend.get("kind") or "Service")
    here = (backend.get("namespace") or at) == route.namespace
    return kind == ("", "Service") and here and backend.get("name") in route.sides


def _is_all_of(rule: Rule, route: Route) -> bool:
    backends = _backends(rule)
    return bool(backends) and all(_is_side(each, route) for each in backends)


def _has_canary(rule: Rule, route: Route) -> bool:
    return _is_all_of(rule, route) and any(each.get("name") == route.canary for each in _backends(rule))


def _without_ours(manifest: Mapping[str, Any], route: Route) -> list[Rule]:
    """The rules without those for testers: no other names the canary's Service alone."""
    return [rule for rule in _rules(manifest) if [each.get("name") for each in _backends(rule)] != [route.canary]]


def _base(rule: Rule) -> Rule:
    return max(_backends(rule), key=lambda each: each.get("weight", 1))


def _to(rule: Rule, service: str, weight: int) -> Rule:
    return {**_base(rule), "name": service, "weight": weight}


def _split(rule: Rule, route: Route, weight: int) -> list[Rule]:
    return [_to(rule, route.stable, 100 - weight), _to(rule, route.canary, weight)]


def _conditions(testers: Testers) -> list[Rule]:
    if testers.nobody:
        return []
    wanted: list[Rule] = []
    if testers.header:
        wanted.append({"type": "Exact", "name": testers.header, "value": testers.header_value})
    if testers.cookie:
        wanted.append({"type": "RegularExpression", "name": "Cookie", "value": testers.cookie_pattern})
    return wanted


def _for_testers(rule: Rule, route: Route, conditions: Sequence[Rule]) -> list[Rule]:
    """The rule again for testers alone: one more header makes it the more specific one; [] for no testers."""
    if not conditions:
        return []
    bases = rule.get("matches") or [{}]
    matches = [
        {**base, "headers": [*(base.get("headers") or []), condition]} for base in bases for condition in conditions
    ]
    unnamed = {key: value for key, value in rule.items() if key != "name"}
    return [{**unnamed, "matches": matches, "backendRefs": [_to(rule, route.canary, 1)]}]


def _pointed(rule: Rule, route: Route, to: str) -> Rule:
    if _is_all_of(rule, route):
        return {**rule, "backendRefs": [_to(rule, to, 1)]}
    backends = [{**each, "name": to} if _is_side(each, route) else each for each in _backends(rule)]
    return {**rule, "backendRefs": backends} if backends else rule


def _share(rule: Rule, route: Route) -> int:
    weights = {route.stable: 0, route.canary: 0}
    for each in _backends(rule):
        if each["name"] not in weights:
            return -1
        weights[each["name"]] += each.get("weight", 1)
    total = sum(weights.values())
    return round(100 * weights[route.canary] / total) if total else -1


def _paths(rule: Rule) -> list[str]:
    return [(match.get("path") or {}).get("value", "/") for match in rule.get("matches") or [{}]]


def _of_parent(http: Manifest, parent: Rule) -> str:
    """What one parent has not accepted at the route's generation, "" where it has."""
    namespace = http["metadata"].get("namespace", "")
    wanted = _identity(parent, namespace)
    states = (http.get("status") or {}).get("parents") or []
    found = [each for each in states if _identity(each.get("parentRef") or {}, namespace) == wanted]
    where = f"{wanted['kind']} {wanted['name']}"
    if not found:
        return f"No controller has taken up the route at {where} yet."
    generation = http["metadata"].get("generation", 0)
    return next(filter(None, (_of_state(each, where, generation) for each in found)), "")


def _identity(parent: Rule, namespace: str) -> Rule:
    known = {**DEFAULTS, "namespace": namespace, **parent}
    return {name: known.get(name) for name in PARENT}


def _of_state(state: Rule, where: str, generation: int) -> str:
    given = {each.get("type"): each for each in state.get("conditions") or []}
    for name in CONDITIONS:
        condition = given.get(name, {})
        at = condition.get("observedGeneration", 0)
        if not condition or at < generation:
            return f"{where} has not taken up generation {generation} of the route yet (it is at {at})."
        if condition.get("status") != "True":
            why = " ".join(filter(None, (condition.get("reason", ""), condition.get("message", ""))))
            return f"{where} says {name} {condition.get('status')}: {why or 'no reason given'}."
    return ""


ROUTER = GatewayApi()
