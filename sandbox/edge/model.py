"""What a routing object says, whatever kind it is of. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qsl

from sandbox.meta import NamespacedName, Object, annotations_of

HOLD = "test.slipway/hold"
ORDER = ("VirtualService", "HTTPRoute", "Ingress", "Service")


@dataclass(frozen=True)
class EdgeRequest:
    """`host` is without its port, `headers` have lower-case names ("host" among them), `query` is what follows "?"."""

    host: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    def parameter(self, name: str) -> str:
        return dict(parse_qsl(self.query, keep_blank_values=True)).get(name, "")

    def cookie(self, name: str) -> str:
        try:
            morsel = SimpleCookie(self.header("cookie")).get(name)
        except CookieError:
            return ""
        return morsel.value if morsel is not None else ""


Match = Callable[[EdgeRequest], bool]


class Backend(NamedTuple):
    """A Service, or a subset of it. `port` is a number or a name, "" for the first; `canary` is how nginx names the
    alternative upstream; `headers` are set on the request."""

    namespace: str
    service: str
    port: str = ""
    subset: str = ""
    weight: int = 1
    canary: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class RoutingRule(NamedTuple):
    """One way for requests. `path` is as nginx's metrics name it; `rank` puts the more specific rule of a host first;
    `testers` says "always", "never" or "" of a request where the second backend is nginx's canary."""

    kind: str
    namespace: str
    name: str
    path: str
    backends: tuple[Backend, ...]
    match: Match | None = None
    rank: int = 0
    mirror: Backend | None = None
    testers: Callable[[EdgeRequest], str] | None = None

    @property
    def place(self) -> tuple[str, ...]:
        return self.kind, self.namespace, self.name, self.path

    @property
    def split(self) -> tuple[tuple[object, ...], ...]:
        """Among whom the requests are shared, and how."""
        return tuple((item.service, item.port, item.subset, item.weight) for item in self.backends)

    def takes(self, request: EdgeRequest) -> bool:
        return self.match is None or self.match(request)


class Parent(NamedTuple):
    """A Gateway or a Service that an HTTPRoute attaches to."""

    kind: str
    key: NamespacedName


class CanaryPlace(NamedTuple):
    """Where a canary Ingress joins another one's rule."""

    host: str
    path: str
    backend: Backend
    total: int
    testers: Callable[[EdgeRequest], str]


@dataclass(frozen=True)
class RoutedObject:
    """What one object routes: rules by host ("*" for any, "*.example.test"), an HTTPRoute's parents, a canary
    Ingress's places."""

    kind: str
    key: NamespacedName
    rules: Mapping[str, tuple[RoutingRule, ...]] = field(default_factory=dict)
    parents: tuple[Parent, ...] = ()
    canaries: tuple[CanaryPlace, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        return (*self.rules, *(place.host for place in self.canaries))

    @property
    def order(self) -> tuple[int, str]:
        return ORDER.index(self.kind), "/".join(self.key)


def held(obj: Object) -> bool:
    """Whether changes of the object are not taken up, as if its controller were down."""
    return annotations_of(obj).get(HOLD) == "true"


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None


def full_match(pattern: str, value: str) -> bool:
    """Whether an expression matches the whole value; one that cannot be read matches nothing."""
    compiled = _pattern(pattern)
    return compiled is not None and compiled.fullmatch(value) is not None


def under_path(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or below it, by whole segments."""
    prefix = prefix.removesuffix("/")
    return path == prefix or path.startswith(prefix + "/")


def service_hosts(namespace: str, name: str) -> tuple[str, ...]:
    """The names under which a Service is called from anywhere in the cluster."""
    short = f"{name}.{namespace}"
    return short, f"{short}.svc", f"{short}.svc.cluster.local"


def service_of(host: str, namespace: str) -> tuple[str, str]:
    """(namespace, name) of app, app.namespace or app.namespace.svc.cluster.local."""
    parts = host.split(".")
    return (parts[1], parts[0]) if len(parts) > 1 else (namespace, parts[0])
