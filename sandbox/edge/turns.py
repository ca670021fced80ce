"""Who takes a request: by weight in exact turns, so that even a short test sees the shares."""

import threading
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

from sandbox.edge.model import Backend, EdgeRequest, RoutingRule

_T = TypeVar("_T")


class Turns:
    """Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._credit: dict[Hashable, tuple[Hashable, list[int]]] = {}
        self._next: defaultdict[Hashable, int] = defaultdict(int)

    def choose(self, rule: RoutingRule, request: EdgeRequest, who: str) -> Backend | None:
        """The backend of a request; each `who` takes turns of its own. None where nothing has weight."""
        sent = rule.testers(request) if rule.testers else ""
        if sent:
            return rule.backends[1 if sent == "always" else 0]
        total = sum(backend.weight for backend in rule.backends)
        if not total:
            return None
        if len(rule.backends) == 1:
            return rule.backends[0]
        with self._lock:
            return rule.backends[self._weighted(rule, who, total)]

    def next_of(self, key: Hashable, items: Sequence[_T]) -> _T:
        """One after the other, round and round."""
        with self._lock:
            self._next[key] += 1
            return items[self._next[key] % len(items)]

    def _weighted(self, rule: RoutingRule, who: str, total: int) -> int:
        """The backend that has waited longest for its share; turns begin anew when weights change."""
        known = self._credit.get((who, rule.place))
        if known is None or known[0] != rule.split:
            known = self._credit[who, rule.place] = rule.split, [0] * len(rule.backends)
        credit, weights = known[1], [backend.weight for backend in rule.backends]
        for place, weight in enumerate(weights):
            credit[place] += weight
        best = max((place for place, weight in enumerate(weights) if weight), key=lambda place: credit[place])
        credit[best] -= total
        return best
