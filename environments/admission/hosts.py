"""The hosts that a route is for, and whether two patterns of hosts have one in common. Pure."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from environments.kube.objects import Manifest

FIELDS = {"HTTPRoute": "hostnames", "GRPCRoute": "hostnames", "TLSRoute": "hostnames", "VirtualService": "hosts"}


def hosts_of(manifest: Manifest) -> tuple[str, ...]:
    """The hosts of an Ingress, a route of the Gateway API, a Gateway or a VirtualService; () for other kinds."""
    spec = manifest.get("spec") or {}
    return tuple(dict.fromkeys(plain(host) for host in _written(str(manifest.get("kind")), spec) if host))


def plain(host: object) -> str:
    """A host as it is compared: lower case, without the dot at its end and without Istio's namespace/ before it."""
    return str(host).rpartition("/")[2].rstrip(".").lower()


def overlap(one: str, other: str) -> bool:
    """Whether a host or pattern covers the other, as *.example covers web.example."""
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _written(kind: str, spec: Mapping[str, Any]) -> Iterator[object]:
    if kind == "Ingress":
        yield from (rule.get("host") for rule in spec.get("rules") or ())
        yield from (host for tls in spec.get("tls") or () for host in tls.get("hosts") or ())
    elif kind == "Gateway":
        yield from (listener.get("hostname") for listener in spec.get("listeners") or ())
        yield from (host for server in spec.get("servers") or () for host in server.get("hosts") or ())
    else:
        yield from spec.get(FIELDS.get(kind, "")) or ()
