"""The routing table: what each object routes, and the rules of a host, put together when somebody asks."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from sandbox.edge.ingress import joined
from sandbox.edge.model import ORDER, EdgeRequest, RoutedObject, RoutingRule
from sandbox.meta import NamespacedName

_Place = tuple[str, NamespacedName]


class Table:
    """Fed by one thread, read by any. `accepts` tells whether an HTTPRoute has a parent that takes it."""

    def __init__(self, accepts: Callable[[RoutedObject], bool]) -> None:
        self._accepts = accepts
        self._lock = threading.Lock()
        self._sources: dict[_Place, RoutedObject] = {}
        self._by_host: defaultdict[str, dict[_Place, RoutedObject]] = defaultdict(dict)
        self._rules: dict[str, tuple[RoutingRule, ...]] = {}

    def put(self, source: RoutedObject) -> None:
        """Takes an object in, in place of what it was before."""
        with self._lock:
            self._take_out((source.kind, source.key))
            self._sources[source.kind, source.key] = source
            for host in source.hosts:
                self._by_host[host][source.kind, source.key] = source
                self._rules.pop(host, None)

    def drop(self, kind: str, key: NamespacedName) -> None:
        with self._lock:
            self._take_out((kind, key))

    def parents_changed(self) -> None:
        """A Gateway or Service came or went: HTTPRoutes may be accepted or not."""
        with self._lock:
            for source in self._sources.values():
                if source.parents:
                    for host in source.hosts:
                        self._rules.pop(host, None)

    def find(self, request: EdgeRequest) -> RoutingRule | None:
        """The first rule of the host that takes the request."""
        return next((rule for rule in self._lookup(request.host) if rule.takes(request)), None)

    def _take_out(self, place: _Place) -> None:
        source = self._sources.pop(place, None)
        for host in source.hosts if source else ():
            self._by_host[host].pop(place, None)
            if not self._by_host[host]:
                del self._by_host[host]
            self._rules.pop(host, None)

    def _lookup(self, host: str) -> tuple[RoutingRule, ...]:
        """The rules of the host itself, else of the longest wildcard, else those of all hosts."""
        labels = host.split(".")
        wildcards = (".".join(["*", *labels[place:]]) for place in range(1, len(labels)))
        return next((rules for name in (host, *wildcards, "*") if (rules := self._of(name))), ())

    def _of(self, host: str) -> tuple[RoutingRule, ...]:
        rules = self._rules.get(host)
        if rules is None and host in self._by_host:
            with self._lock:
                rules = self._rules[host] = compiled(host, self._by_host.get(host, {}).values(), self._accepts)
        return rules or ()


def compiled(
    host: str, sources: Iterable[RoutedObject], accepts: Callable[[RoutedObject], bool]
) -> tuple[RoutingRule, ...]:
    """The rules of a host, in the order in which they are asked."""
    ordered = sorted((item for item in sources if not item.parents or accepts(item)), key=lambda item: item.order)
    rules = [rule for source in ordered for rule in source.rules.get(host, ())]
    places = [place for source in ordered for place in source.canaries if place.host == host]
    return tuple(sorted(joined(rules, places), key=lambda rule: (ORDER.index(rule.kind), -rule.rank)))
