"""What does not make sense in the mesh's objects, in the words of Istio's analyzers. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.meta import Object, kind_of

SERVICE, ENTRY = "Service", "networking.istio.io/ServiceEntry"
RULE, ROUTES = "networking.istio.io/DestinationRule", "networking.istio.io/VirtualService"
PEERS = "security.istio.io/PeerAuthentication"
LOCAL = ".svc.cluster.local"


class MeshFinding(NamedTuple):
    """One thing that is wrong; `level` is ERROR or WARNING."""

    code: str
    name: str
    message: str
    level: str = "ERROR"

    @property
    def text(self) -> str:
        return f"{self.level} [{self.code}] {self.message}"


@dataclass(frozen=True)
class Known:
    """The hosts that there are, and the subsets of each, by the host in full."""

    hosts: Collection[str]
    subsets: Mapping[str, Collection[str]] = field(default_factory=dict)


def known(services: Iterable[Object], entries: Iterable[Object], rules: Iterable[Object]) -> Known:
    """What Services, ServiceEntries and DestinationRules name."""
    hosts = {"{name}.{namespace}".format(**service["metadata"]) + LOCAL for service in services}
    hosts |= {host for entry in entries for host in _spec(entry).get("hosts") or ()}
    subsets: dict[str, set[str]] = {}
    for rule in rules:
        names = {subset["name"] for subset in _spec(rule).get("subsets") or ()}
        subsets.setdefault(_full(_spec(rule).get("host", ""), _namespace(rule)), set()).update(names)
    return Known(hosts, subsets)


def check(obj: Object, there: Known) -> tuple[MeshFinding, ...]:
    """What is wrong with the object."""
    checks = {RULE: _rule, ROUTES: _routes, PEERS: _peers}
    judge = checks.get(kind_of(obj))
    return tuple(judge(obj, there)) if judge else ()


def _rule(rule: Object, there: Known) -> Iterator[MeshFinding]:
    host = _spec(rule).get("host", "")
    if not _is_known(host, _namespace(rule), there):
        yield _missing(f'Referenced host not found: "{host}"')
    seen: set[str] = set()
    for subset in _spec(rule).get("subsets") or ():
        if subset["name"] in seen:
            yield _invalid(f'subset "{subset["name"]}" is defined twice')
        seen.add(subset["name"])


def _peers(peers: Object, _there: Known) -> Iterator[MeshFinding]:
    selector = _spec(peers).get("selector")
    if selector is None and _spec(peers).get("portLevelMtls"):
        yield _invalid("mesh/namespace peer authentication cannot have port level mTLS")
    if selector is not None and not selector.get("matchLabels"):
        yield _invalid("workload selector must have matchLabels")


def _routes(service: Object, there: Known) -> Iterator[MeshFinding]:
    for place, rule in enumerate(_spec(service).get("http") or ()):
        routes = rule.get("route") or ()
        for route in routes:
            yield from _destination(route.get("destination") or {}, _namespace(service), there)
        total = sum(int(route.get("weight") or 0) for route in routes)
        if len(routes) > 1 and total != 100:
            wrong = _invalid(f"total destination weight of http[{place}] is {total}, not 100")
            # Weights are relative: only none at all is refused.
            yield wrong._replace(level="WARNING") if total else wrong
        if not routes and not {"redirect", "directResponse", "delegate"} & rule.keys():
            yield _invalid(f"http[{place}]: HTTP route, redirect or direct_response is required")
        if rule.get("mirror"):
            yield from _destination(rule["mirror"], _namespace(service), there)


def _destination(to: Mapping[str, Any], namespace: str, there: Known) -> Iterator[MeshFinding]:
    host, subset = to.get("host", ""), to.get("subset", "")
    if not host:
        yield _invalid("destination must have a host")
    elif not _is_known(host, namespace, there):
        yield _missing(f'Referenced host not found: "{host}"')
    elif subset and subset not in there.subsets.get(_full(host, namespace), ()):
        yield _missing(f'Referenced host+subset in destinationrule not found: "{host}+{subset}"')


def _is_known(host: str, namespace: str, there: Known) -> bool:
    if host == "*" or host in there.hosts or _full(host, namespace) in there.hosts:
        return True
    return any(_covers(host, other) or _covers(other, host) for other in there.hosts)


def _covers(pattern: str, host: str) -> bool:
    return pattern.startswith("*.") and host.endswith(pattern[1:])


def _full(host: str, namespace: str) -> str:
    """The name that the mesh gives a short host."""
    if host.startswith("*"):
        return host
    parts = host.split(".")
    if len(parts) == 1:
        return f"{host}.{namespace}{LOCAL}"
    short = len(parts) == 2 or (len(parts) == 3 and parts[2] == "svc")
    return f"{parts[0]}.{parts[1]}{LOCAL}" if short else host


def _missing(message: str) -> MeshFinding:
    return MeshFinding("IST0101", "ReferencedResourceNotFound", message)


def _invalid(message: str) -> MeshFinding:
    return MeshFinding("IST0106", "SchemaValidationError", message)


def _spec(obj: Object) -> Mapping[str, Any]:
    return obj.get("spec") or {}


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))
