"""What a VirtualService's entries say: where they lead, whom they let in, and which of them are ours. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic.base import Route, Testers, of_kind

GROUP = "networking.istio.io"
# The documents' own way to let testers in: an entry that matches this header counts as one for testers.
DOCUMENTED = ("canary", "true")
OURS = "slipway-testers"
COOKIE = "cookie"

Entry = dict[str, Any]


def http_of(manifest: Mapping[str, Any]) -> list[Entry]:
    return list((manifest.get("spec") or {}).get("http") or [])


def without_ours(manifest: Mapping[str, Any], route: Route) -> list[Entry]:
    start = f"{OURS}-{route.workload}-"
    return [entry for entry in http_of(manifest) if not str(entry.get("name", "")).startswith(start)]


def routes_of(entry: Entry) -> list[Entry]:
    return list(entry.get("route") or [])


def destinations(entry: Entry) -> list[Entry]:
    return [each.get("destination") or {} for each in routes_of(entry)]


def service_of(destination: Entry, route: Route) -> str:
    """The Service that a destination names, "" for one of another namespace. A short name is of its own object's."""
    at = route.object.namespace if route.object else route.namespace
    name, *rest = str(destination.get("host", "")).split(".")
    namespace = rest[0] if rest else at
    inside = len(rest) < 2 or rest[1] == "svc"
    return name if namespace == route.namespace and inside else ""


def is_testers(entry: Entry, testers: Testers | None = None) -> bool:
    """Whether all that an entry matches says that it is for testers."""
    known = {DOCUMENTED} | ({(testers.header.lower(), testers.header_value)} if testers and testers.header else set())
    matches = entry.get("match") or []
    return bool(matches) and all(known & exact_headers(match) for match in matches)


def exact_headers(match: Entry) -> set[tuple[str, str]]:
    headers = match.get("headers") or {}
    return {(name.lower(), str(value["exact"])) for name, value in headers.items() if "exact" in (value or {})}


def header_conditions(testers: Testers, present: Sequence[Entry]) -> list[Entry]:
    """The header matches that let testers in, less those that an entry of the bundle has on its own already."""
    if testers.nobody:
        return []
    wanted: list[Entry] = []
    if testers.header:
        wanted.append({testers.header.lower(): {"exact": testers.header_value}})
    if testers.cookie:
        wanted.append({COOKIE: {"regex": testers.cookie_pattern}})
    known = [match["headers"] for entry in present for match in entry["match"] if set(match) == {"headers"}]
    return [each for each in wanted if each not in known]


def largest_of(entry: Entry) -> Entry:
    return max(routes_of(entry), key=lambda each: each.get("weight", 100))


def to_service(each: Entry, to: str) -> Entry:
    """The destination at another Service. Its subset goes: subsets are of one host only."""
    destination = {name: value for name, value in each["destination"].items() if name != "subset"}
    _, dot, rest = str(destination["host"]).partition(".")
    return {**each, "destination": {**destination, "host": f"{to}{dot}{rest}"}}


def rules_of(objects: Sequence[Manifest], route: Route) -> list[Manifest]:
    """The DestinationRules of the route's Service."""
    found = []
    for rule in of_kind(objects, GROUP, "DestinationRule"):
        name, *rest = str(rule.get("spec", {}).get("host", "")).split(".")
        namespace = rest[0] if rest else ref_of(rule, route.namespace).namespace
        if (name, namespace) == (route.service, route.namespace):
            found.append(rule)
    return found


def rule_of(objects: Sequence[Manifest], route: Route) -> Ref | None:
    return next((ref_of(rule, route.namespace) for rule in rules_of(objects, route)), None)


def full_host(route: Route) -> str:
    return f"{route.service}.{route.namespace}.svc.cluster.local"


def named_host(host: str, route: Route) -> str:
    """A host as the whole cluster knows it: a short name is of the namespace of its own object."""
    return host if "." in host or host == "*" or not route.object else f"{host}.{route.object.namespace}"


def public_host(hosts: Sequence[str]) -> str:
    """The first host that is no Service's, else the first."""
    return next((host for host in hosts if "." in host and ".svc" not in host), hosts[0] if hosts else "")
