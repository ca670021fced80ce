"""Istio: the weights of a VirtualService's routes, between the Services of both sides (`istio_by_host`).

Where a bundle names subsets of versions as the deployment architecture has them, which lead to no workload of their
own, and in plans of before, they are between two subsets of a DestinationRule instead: what is in this file. The
list spec.http is one value for an apply, so it is always written whole.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from environments.kube.names import CANARY, STABLE, TRACK
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import istio_by_host as by_host
from environments.kube.traffic.base import (
    NO_TESTERS,
    Listing,
    Live,
    Path,
    Route,
    Router,
    Testers,
    fits_hint,
    is_at,
    named,
    named_by,
    of_kind,
    with_sides,
    with_spec,
)
from environments.kube.traffic.istio_entries import (
    GROUP,
    OURS,
    Entry,
    destinations,
    full_host,
    header_conditions,
    http_of,
    is_testers,
    largest_of,
    named_host,
    public_host,
    routes_of,
    rule_of,
    service_of,
    to_service,
    without_ours,
)

HTTP: Path = ("f:spec", "f:http")
SUBSETS: Path = ("f:spec", "f:subsets")


class Istio(Router):
    name = "istio"
    title = "Istio"
    needs = ((f"{GROUP}/v1", "VirtualService"), (f"{GROUP}/v1", "DestinationRule"))

    def routes(
        self, objects: Sequence[Manifest], namespace: str, workload: str, service: str, hint: str = ""
    ) -> Iterator[Route]:
        for virtual in of_kind(objects, GROUP, "VirtualService"):
            ref = ref_of(virtual, namespace)
            hosts = virtual.get("spec", {}).get("hosts") or []
            draft = with_sides(Route(self.name, namespace, workload, service, ref, host=public_host(hosts)))
            if fits_hint(virtual, hosts, hint) and (route := _detected(virtual, draft, objects)):
                yield route

    def leading(self, objects: Sequence[Manifest], route: Route) -> list[Ref]:
        virtuals = of_kind(objects, GROUP, "VirtualService")
        seen = ((each, replace(route, object=ref_of(each, route.namespace))) for each in virtuals)
        return [draft.object for each, draft in seen if draft.object and by_host.leads(each, draft, objects)]

    def at_rest(self, manifest: Manifest, route: Route) -> Manifest:
        if route.by_host:
            return manifest
        if is_at(manifest, route.rule):
            return with_spec(manifest, subsets=_subsets(manifest, route))
        if is_at(manifest, route.object):
            return with_spec(manifest, http=_resting(manifest, route))
        return manifest

    def point(self, manifest: Manifest, route: Route, to: str) -> Manifest:
        if not is_at(manifest, route.object):
            return manifest
        http = [_pointed(entry, route, to) for entry in without_ours(manifest, route)]
        return with_spec(manifest, http=http)

    def target_of(self, manifest: Manifest, route: Route) -> str:
        found = {
            name
            for entry in http_of(manifest)
            for destination in destinations(entry)
            if (name := service_of(destination, route)) in route.sides
        }
        return found.pop() if len(found) == 1 else ""

    def owned(self, manifest: Manifest, route: Route) -> Manifest:
        return {**named(manifest), "spec": {"http": http_of(manifest)}}

    def reads(self, route: Route) -> tuple[Ref, ...]:
        rules = filter(None, (route.rule, by_host.own_rule(route) if route.by_host else None))
        return (self.main(route), *rules)

    def lists(self, live: Live, route: Route, *, clearing: bool) -> tuple[Listing, ...]:
        if route.by_host or not clearing or not _is_own(route):
            return ()
        behind = f"kubernetes.io/service-name={route.service}"
        pods = Listing("v1", "Pod", route.namespace, f"{TRACK}={CANARY}")
        return Listing("discovery.k8s.io/v1", "EndpointSlice", route.namespace, behind), pods

    def weighted(self, route: Route) -> tuple[Ref, Path]:
        return self.main(route), HTTP

    def prepare(self, live: Live, route: Route) -> list[Manifest]:
        if route.by_host:
            return by_host.policy(live, route)
        if route.rule is None:
            return []
        rule = live.get(route.rule)
        spec: Entry = {"subsets": _subsets(rule or {}, route)}
        if rule is None or _is_own(route):
            spec["host"] = full_host(route)
        return [{**named_by(route.rule), "spec": spec}]

    def decisive(self, live: Live, route: Route) -> tuple[Ref, Path]:
        rule = None if route.by_host else live.get(route.rule)
        return (ref_of(rule), SUBSETS) if rule and not _has_subsets(rule, route) else self.weighted(route)

    def weigh(self, live: Live, route: Route, weight: int, testers: Testers) -> list[Manifest]:
        virtual = live.objects[self.main(route)]
        if route.by_host:
            return [*self.prepare(live, route), by_host.weighed(virtual, route, weight, testers)]
        http = _weighed(virtual, route, weight, testers)
        return [*self.prepare(live, route), {**named(virtual), "spec": {"http": http}}]

    def weight_of(self, live: Live, route: Route) -> int:
        virtual = live.objects[self.main(route)]
        if route.by_host:
            return by_host.weight_of(virtual, route)
        entries = [
            entry for entry in without_ours(virtual, route) if _is_all_of(entry, route) and not is_testers(entry)
        ]
        if _is_own(route) and live.get(route.rule) is None and not any(_subset_names(entry) for entry in entries):
            return 0
        if not _has_subsets(live.get(route.rule), route):
            return -1
        shares = {_share(entry, route) for entry in entries}
        return shares.pop() if len(shares) == 1 else -1

    def rest(self, live: Live, route: Route) -> list[Manifest]:
        virtual = live.objects[self.main(route)]
        if route.by_host:
            return by_host.rested(virtual, route)
        return [{**named(virtual), "spec": {"http": _resting(virtual, route)}}]

    def removed_at_rest(self, route: Route) -> tuple[Ref, ...]:
        if route.by_host:
            return tuple(filter(None, [by_host.own_rule(route)]))
        return (route.rule,) if route.rule and _is_own(route) else ()

    def not_yet_at_rest(self, live: Live, route: Route) -> str:
        canaries = {each["metadata"]["name"] for each in live.listed("Pod")}
        if not any(_has_one_of(each, canaries) for each in live.listed("EndpointSlice")):
            return ""
        return f"The canary's pods still stand behind Service {route.service}: its subsets stay until they have gone."

    def hosts(self, manifest: Manifest, route: Route) -> tuple[str, ...]:
        hosts = manifest.get("spec", {}).get("hosts") if is_at(manifest, route.object) else ()
        return tuple(named_host(host, route) for host in hosts or ())

    def unsupported(self, manifest: Manifest, route: Route, testers: Testers = NO_TESTERS) -> tuple[str, ...]:
        if not is_at(manifest, route.object):
            return ()
        if route.by_host:
            return by_host.unsupported(manifest, route)
        spec = manifest.get("spec", {})
        others = [kind.upper() for kind in ("tcp", "tls") if spec.get(kind)]
        mixed = [
            f"http[{number}]"
            for number, entry in enumerate(http_of(manifest))
            if _has(entry, route) and not _is_all_of(entry, route)
        ]
        words = [f"{' and '.join(others)} routes of {route.text} do not follow the weights."] if others else []
        if mixed:
            what = f"{', '.join(mixed)} of {route.text} also leads to other services"
            words.append(f"{what}: it stays on the stable version.")
        return tuple(words)


def _detected(virtual: Manifest, draft: Route, objects: Sequence[Manifest]) -> Route | None:
    rule = rule_of(objects, draft)
    hosted = by_host.detected(virtual, replace(draft, rule=rule), objects)
    if hosted is not None:
        return hosted if hosted.subsets else None
    if not any(_is_all_of(entry, draft) for entry in http_of(virtual)):
        return None
    own = Ref(draft.object.api_version, "DestinationRule", draft.namespace, _own_rule(draft)) if draft.object else None
    return replace(draft, rule=rule or own, port=_port(virtual, draft))


def _is_side(each: Entry, route: Route) -> bool:
    return service_of(each.get("destination") or {}, route) in route.sides


def _has(entry: Entry, route: Route) -> bool:
    return any(_is_side(each, route) for each in routes_of(entry))


def _is_all_of(entry: Entry, route: Route) -> bool:
    routes = routes_of(entry)
    return bool(routes) and all(_is_side(each, route) for each in routes)


def _weighed(virtual: Manifest, route: Route, weight: int, testers: Testers) -> list[Entry]:
    entries = without_ours(virtual, route)
    mine = [entry for entry in entries if _is_all_of(entry, route)]
    let_in = header_conditions(testers, [entry for entry in mine if is_testers(entry, testers)])
    result: list[Entry] = []
    for number, entry in enumerate(entries):
        if not _is_all_of(entry, route):
            result.append(_pinned(entry, route))
        elif is_testers(entry, testers):
            result.append(_sent(entry, route, 0 if testers.nobody else 100))
        else:
            ours = _for_testers(entry, route, let_in, f"{OURS}-{route.workload}-{number}")
            result += [*ours, {**entry, "route": _split(entry, route, weight)}]
    return result


def _for_testers(entry: Entry, route: Route, conditions: Sequence[Entry], name: str) -> list[Entry]:
    """The entry again for testers alone, to stand before it; [] for no testers."""
    if not conditions:
        return []
    bases = entry.get("match") or [{}]
    match = [
        {**base, "headers": {**(base.get("headers") or {}), **condition}} for base in bases for condition in conditions
    ]
    return [_sent({**entry, "name": name, "match": match}, route, 100)]


def _sent(entry: Entry, route: Route, weight: int) -> Entry:
    """The entry with all of it on one side: weight is 0 or 100."""
    subset = route.canary_subset if weight else route.stable_subset
    return {**entry, "route": [_to_subset(largest_of(entry), subset)]}


def _split(entry: Entry, route: Route, weight: int) -> list[Entry]:
    base = largest_of(entry)
    stable = _to_subset(base, route.stable_subset)
    canary = _to_subset(base, route.canary_subset)
    return [{**stable, "weight": 100 - weight}, {**canary, "weight": weight}]


def _to_subset(each: Entry, subset: str) -> Entry:
    """The destination on one subset, without weight: all that there is."""
    destination = {name: value for name, value in each["destination"].items() if name != "subset"}
    kept = {name: value for name, value in each.items() if name != "weight"}
    return {**kept, "destination": {**destination, **({"subset": subset} if subset else {})}}


def _pinned(entry: Entry, route: Route) -> Entry:
    """An entry that leads elsewhere too, with the workload's part of it on stable."""
    if not _has(entry, route):
        return entry
    routes = [
        {**each, "destination": {**each["destination"], "subset": route.stable_subset}}
        if _is_side(each, route)
        else each
        for each in routes_of(entry)
    ]
    return {**entry, "route": routes}


def _resting(virtual: Mapping[str, Any], route: Route) -> list[Entry]:
    """All on stable: on its subset where the bundle has a DestinationRule, else on the Service itself."""
    subset = "" if _is_own(route) else route.stable_subset
    return [_rested(entry, route, subset) for entry in without_ours(virtual, route)]


def _rested(entry: Entry, route: Route, subset: str) -> Entry:
    if _is_all_of(entry, route):
        return {**entry, "route": [{**_to_subset(largest_of(entry), subset), "weight": 100}]}
    if not _has(entry, route):
        return entry
    routes = [
        {**_to_subset(each, subset), **({"weight": each["weight"]} if "weight" in each else {})}
        if _is_side(each, route)
        else each
        for each in routes_of(entry)
    ]
    return {**entry, "route": routes}


def _pointed(entry: Entry, route: Route, to: str) -> Entry:
    if _is_all_of(entry, route):
        return {**entry, "route": [{**to_service(largest_of(entry), to), "weight": 100}]}
    routes = [to_service(each, to) if _is_side(each, route) else each for each in routes_of(entry)]
    return {**entry, "route": routes} if routes else entry


def _subset_names(entry: Entry) -> set[str]:
    return {str(each["subset"]) for each in destinations(entry) if each.get("subset")}


def _share(entry: Entry, route: Route) -> int:
    """The canary's share of an entry, -1 where it leads to anything but our two subsets."""
    if not _subset_names(entry) or not _subset_names(entry) <= {route.stable_subset, route.canary_subset}:
        return -1
    routes = routes_of(entry)
    if not all((each.get("destination") or {}).get("subset") for each in routes):
        return -1
    weights = [each.get("weight", 100 if len(routes) == 1 else 0) for each in routes]
    total = sum(weights)
    mine = sum(
        weight
        for each, weight in zip(routes, weights, strict=True)
        if each["destination"]["subset"] == route.canary_subset
    )
    return round(100 * mine / total) if total else -1


def _subsets(rule: Mapping[str, Any], route: Route) -> list[Entry]:
    """The rule's subsets, with the two of both sides."""
    present = {each["name"]: each for each in (rule.get("spec") or {}).get("subsets") or []}
    sides = {route.stable_subset: STABLE, route.canary_subset: CANARY}
    ours = [{**present.get(name, {}), "name": name, "labels": {TRACK: track}} for name, track in sides.items()]
    return [*(each for name, each in present.items() if name not in sides), *ours]


def _has_subsets(rule: Mapping[str, Any] | None, route: Route) -> bool:
    labels = {each["name"]: each.get("labels") for each in ((rule or {}).get("spec") or {}).get("subsets") or []}
    return (labels.get(route.stable_subset), labels.get(route.canary_subset)) == ({TRACK: STABLE}, {TRACK: CANARY})


def _own_rule(route: Route) -> str:
    return f"{route.workload}-slipway"


def _is_own(route: Route) -> bool:
    """Whether the subsets are in a DestinationRule of ours, which is only there while a canary runs."""
    return route.rule is not None and route.rule.name == _own_rule(route)


def _has_one_of(endpoints: Manifest, pods: Collection[str]) -> bool:
    return any((each.get("targetRef") or {}).get("name") in pods for each in endpoints.get("endpoints") or [])


def _port(virtual: Manifest, route: Route) -> int:
    for entry in http_of(virtual):
        for destination in destinations(entry):
            if service_of(destination, route) in route.sides and destination.get("port"):
                return int(destination["port"].get("number", 0))
    return 0


ROUTER = Istio()
