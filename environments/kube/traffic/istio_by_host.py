"""Istio by hosts: a VirtualService's weights between a workload's Service and that of its canary. Pure.

The Service leads to stable alone as long as the canary is there (`beside`), so the bundle's subsets and
DestinationRules stay as they are. What their traffic policy says is said for the canary's host too, by a rule of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from environments.kube.objects import Manifest, Ref
from environments.kube.traffic.base import Live, Route, Testers, named, named_by
from environments.kube.traffic.istio_entries import (
    OURS,
    Entry,
    destinations,
    header_conditions,
    is_testers,
    largest_of,
    routes_of,
    rules_of,
    service_of,
    to_service,
)
from environments.kube.traffic.pods import labels_of, neighbours_of

SECTIONS = ("http", "tcp", "tls")
PLAIN = ""
"""A destination without a subset."""


def detected(virtual: Manifest, draft: Route, objects: Sequence[Manifest]) -> Route | None:
    """The Route by hosts; `subsets` are () where nothing leads to the workload alone. None where some lead nowhere."""
    known = _subsets_of(objects, draft)
    asked = {name for _, entry in _entries(virtual, draft) for name in _named(entry, draft)}
    mine, others = labels_of(objects, draft.namespace, draft.workload), neighbours_of(objects, draft)
    if any(not _leads(known.get(name), [mine, *others]) for name in asked - {PLAIN}):
        return None
    alone = {name for name in asked if _leads(known.get(name, {}), [mine]) and not _leads(known.get(name, {}), others)}
    found = replace(draft, by_host=True, subsets=tuple(sorted(alone)))
    return (
        replace(found, port=_port(virtual, found))
        if any(_is_mine(e, found) for _, e in _entries(virtual, found))
        else replace(found, subsets=())
    )


def leads(virtual: Manifest, route: Route, objects: Sequence[Manifest]) -> bool:
    """Whether anything of it may lead to the workload's pods."""
    known, mine = _subsets_of(objects, route), labels_of(objects, route.namespace, route.workload)
    asked = {name for _, entry in _entries(virtual, route) for name in _named(entry, route)}
    return any(_leads(known.get(name, {}), [mine]) for name in asked)


def _leads(subset: Mapping[str, str] | None, workloads: Sequence[Mapping[str, str]]) -> bool:
    """Whether a subset's labels, None for a subset that nobody defines, are those of the pods of one of these."""
    return subset is not None and any(subset.items() <= labels.items() for labels in workloads)


def _subsets_of(objects: Sequence[Manifest], route: Route) -> dict[str, dict[str, str]]:
    rules = rules_of(objects, route)
    return {each["name"]: each.get("labels") or {} for rule in rules for each in rule["spec"].get("subsets") or []}


def _named(entry: Entry, route: Route) -> set[str]:
    """The subsets of the route's Service that an entry leads to, "" for the Service itself."""
    return {
        str(each.get("subset") or PLAIN) for each in destinations(entry) if service_of(each, route) == route.service
    }


def _entries(virtual: Mapping[str, Any], route: Route) -> list[tuple[str, Entry]]:
    """(section, entry) of all entries but ours for testers."""
    start, spec = f"{OURS}-{route.workload}-", virtual.get("spec") or {}
    found = ((section, entry) for section in SECTIONS for entry in spec.get(section) or [])
    return [(section, entry) for section, entry in found if not str(entry.get("name", "")).startswith(start)]


def _is_canary(each: Entry, route: Route) -> bool:
    return service_of(each.get("destination") or {}, route) == route.canary


def _is_stable(each: Entry, route: Route) -> bool:
    destination = each.get("destination") or {}
    return service_of(destination, route) == route.service and (destination.get("subset") or PLAIN) in route.subsets


def _is_mine(entry: Entry, route: Route) -> bool:
    found = routes_of(entry)
    return any(_is_stable(each, route) for each in found) and all(
        _is_stable(each, route) or _is_canary(each, route) for each in found
    )


def weighed(virtual: Manifest, route: Route, weight: int, testers: Testers) -> Manifest:
    """What slipway-traffic applies of it: each section whole."""
    entries = _entries(virtual, route)
    mine = [entry for section, entry in entries if section == "http" and _is_mine(entry, route)]
    let_in = header_conditions(testers, [entry for entry in mine if is_testers(entry, testers)])
    spec: dict[str, list[Entry]] = {section: [] for section, _ in entries}
    for number, (section, entry) in enumerate(entries):
        if not _is_mine(entry, route):
            spec[section].append(entry)
        elif section == "http" and is_testers(entry, testers):
            spec[section].append(_split(entry, route, 0 if testers.nobody else 100))
        else:
            conditions = let_in if section == "http" else []
            spec[section] += _for_testers(entry, route, conditions, number)
            spec[section].append(_split(entry, route, weight))
    return {**named(virtual), "spec": spec}


def _for_testers(entry: Entry, route: Route, conditions: Sequence[Entry], number: int) -> list[Entry]:
    """The entry again for testers alone, to stand before it; [] for no testers."""
    if not conditions:
        return []
    bases = entry.get("match") or [{}]
    match = [
        {**base, "headers": {**(base.get("headers") or {}), **condition}} for base in bases for condition in conditions
    ]
    return [_split({**entry, "name": f"{OURS}-{route.workload}-{number}", "match": match}, route, 100)]


def _split(entry: Entry, route: Route, weight: int) -> Entry:
    """The entry between both sides, also where one gets nothing: so it can be told what it was."""
    stable = _without_weight(largest_of({"route": [each for each in routes_of(entry) if _is_stable(each, route)]}))
    canary = to_service(stable, route.canary)
    return {**entry, "route": [{**stable, "weight": 100 - weight}, {**canary, "weight": weight}]}


def _without_weight(each: Entry) -> Entry:
    return {name: value for name, value in each.items() if name != "weight"}


def weight_of(virtual: Manifest, route: Route) -> int:
    """The canary's share, -1 where entries disagree or lead elsewhere."""
    shares = {
        _share(entry, route)
        for section, entry in _entries(virtual, route)
        if _is_mine(entry, route) and not (section == "http" and is_testers(entry))
    }
    return shares.pop() if len(shares) == 1 else -1


def _share(entry: Entry, route: Route) -> int:
    found = routes_of(entry)
    weights = [(_is_canary(each, route), int(each.get("weight", 100 if len(found) == 1 else 0))) for each in found]
    total = sum(weight for _, weight in weights)
    return round(100 * sum(weight for canary, weight in weights if canary) / total) if total else -1


def rested(virtual: Manifest, route: Route) -> list[Manifest]:
    """What takes the canary out of it; [] where it is in none of it."""
    entries = (virtual.get("spec") or {}).items()
    spec = {section: several for section, several in entries if section in SECTIONS}
    back: dict[str, list[Entry]] = {section: [] for section in spec}
    for section, entry in _entries(virtual, route):
        back[section].append(_unsplit(entry, route))
    return [] if back == spec else [{**named(virtual), "spec": back}]


def _unsplit(entry: Entry, route: Route) -> Entry:
    found = routes_of(entry)
    left = [each for each in found if not _is_canary(each, route)]
    if len(left) in (0, len(found)):
        return entry
    return {**entry, "route": [_without_weight(left[0])] if len(left) == 1 else left}


def own_rule(route: Route) -> Ref | None:
    """The rule of ours for the canary's host, None where its Service has none to take after."""
    return route.rule._replace(namespace=route.namespace, name=f"{route.canary}-slipway") if route.rule else None


def policy(live: Live, route: Route) -> list[Manifest]:
    """The traffic policy of the Service, and of the workload's subset of it, for the canary's host; [] for none."""
    rule, own = live.get(route.rule), own_rule(route)
    if rule is None or own is None:
        return []
    spec = rule.get("spec") or {}
    subset: Entry = next((each for each in spec.get("subsets") or [] if each["name"] in route.subsets), {})
    said = {**(spec.get("trafficPolicy") or {}), **(subset.get("trafficPolicy") or {})}
    host = f"{route.canary}.{route.namespace}.svc.cluster.local"
    return [{**named_by(own), "spec": {"host": host, "trafficPolicy": said}}] if said else []


def unsupported(virtual: Manifest, route: Route) -> tuple[str, ...]:
    """The entries that lead to the workload, and elsewhere too."""
    mixed = [
        f"{section}[{number}]"
        for section in SECTIONS
        for number, entry in enumerate((virtual.get("spec") or {}).get(section) or [])
        if any(_is_stable(each, route) for each in routes_of(entry)) and not _is_mine(entry, route)
    ]
    if not mixed:
        return ()
    what = f"{', '.join(mixed)} of {route.text} also leads to other services"
    return (f"{what}: it stays on the stable version.",)


def _port(virtual: Manifest, route: Route) -> int:
    stable = (each for _, entry in _entries(virtual, route) for each in routes_of(entry) if _is_stable(each, route))
    ports = (int((each["destination"].get("port") or {}).get("number", 0)) for each in stable)
    return next(filter(None, ports), 0)
