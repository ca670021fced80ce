"""Circuit breakers: what a DestinationRule says of outliers and of connection pools."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from environments.kube.objects import Manifest
from environments.kube.policies import destination_rules
from environments.kube.policies.base import Around, Family, Remark, listed, several, spoken
from environments.kube.policies.destination_rules import traffic_policy

DEPRECATED = (
    "consecutiveErrors is deprecated: Istio counts consecutive5xxErrors (5 unless it is set) and "
    "consecutiveGatewayErrors; name one of these"
)
POOL = {
    ("tcp", "maxConnections"): "connection",
    ("http", "http1MaxPendingRequests"): "waiting request",
    ("http", "http2MaxRequests"): "request",
    ("http", "maxRetries"): "retry",
}


class CircuitBreakers(Family):
    name: ClassVar[str] = "circuit-breakers"
    title: ClassVar[str] = "Circuit breaker"
    kinds: ClassVar[frozenset[str]] = frozenset({destination_rules.KIND})

    def does(self, manifest: Manifest) -> str:
        policy = traffic_policy(manifest)
        return "; ".join(filter(None, [_ejects(policy.get("outlierDetection")), _pools(policy.get("connectionPool"))]))

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        if (traffic_policy(manifest).get("outlierDetection") or {}).get("consecutiveErrors"):
            yield Remark(DEPRECATED)
        part = "outlierDetection" if "outlierDetection" in traffic_policy(manifest) else "connectionPool"
        yield from destination_rules.remarks(manifest, around, part)


def _ejects(outlier: Mapping[str, Any] | None) -> str:
    if outlier is None:
        return ""
    # Envoy counts gateway errors where they are set, and any 5xx unless that is set to 0.
    numbers = {
        "consecutive gateway errors": outlier.get("consecutiveGatewayErrors", 0),
        "consecutive errors": outlier.get("consecutive5xxErrors", 5),
    }
    counts = [f"{number} {noun}" for noun, number in numbers.items() if number]
    if not counts:
        return "ejects nobody for errors"
    words = f"ejects after {' or '.join(counts)} for {spoken(outlier.get('baseEjectionTime', '30s'))}"
    words += f", at most {outlier.get('maxEjectionPercent', 10)} %"
    if least := outlier.get("minHealthPercent"):
        words += f", while {least} % are healthy"
    return words


def _pools(pool: Mapping[str, Any] | None) -> str:
    if not pool:
        return ""
    limits = [(pool.get(part) or {}).get(name) for part, name in POOL]
    words = [
        f"{limit} retries" if noun == "retry" and limit != 1 else several(limit, noun)
        for limit, noun in zip(limits, POOL.values(), strict=True)
        if limit is not None
    ]
    if each := (pool.get("http") or {}).get("maxRequestsPerConnection"):
        words.append(f"{several(each, 'request')} a connection")
    return f"at most {listed(words)}" if words else "has a connection pool of its own"


FAMILY = CircuitBreakers()
