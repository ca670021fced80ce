"""Which pod a request goes to: a DestinationRule's load balancer, and a Service's session affinity."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from environments.kube.objects import Manifest
from environments.kube.policies import destination_rules
from environments.kube.policies.base import Around, Family, Remark, namespace_of, spec_of, spoken, text_of
from environments.kube.policies.destination_rules import host_of, traffic_policy

SIMPLE = {
    "ROUND_ROBIN": "requests go to the pods in turn",
    "LEAST_REQUEST": "requests go to the pod with the fewest",
    "LEAST_CONN": "requests go to the pod with the fewest",
    "RANDOM": "requests go to any pod",
    "PASSTHROUGH": "requests go where the caller addressed them",
}
AFFINITY_SECONDS = 10800


class LoadBalancing(Family):
    name: ClassVar[str] = "load-balancing"
    title: ClassVar[str] = "Load balancing"
    kinds: ClassVar[frozenset[str]] = frozenset({destination_rules.KIND, "Service"})

    def does(self, manifest: Manifest) -> str:
        if manifest["kind"] == "Service":
            return _affinity(spec_of(manifest))
        return _balances(traffic_policy(manifest).get("loadBalancer") or {})

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        if manifest["kind"] != "Service":
            yield from destination_rules.remarks(manifest, around, "loadBalancer")
            return
        host = f"{manifest['metadata']['name']}.{namespace_of(manifest)}{destination_rules.LOCAL}"
        rules = [each for each in around.objects if each["kind"] == "DestinationRule" and host_of(each) == host]
        if rules:
            yield Remark(f"inside the mesh {text_of(rules[0])} decides instead", counts=not around.is_ours(rules[0]))


def _affinity(spec: Mapping[str, Any]) -> str:
    if spec.get("sessionAffinity") != "ClientIP":
        return ""
    seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds", AFFINITY_SECONDS)
    return f"a client's address stays with its pod for {length(seconds)}"


def _balances(balancer: Mapping[str, Any]) -> str:
    hashed = balancer.get("consistentHash")
    if not hashed:
        name = balancer.get("simple", "")
        return SIMPLE.get(name, f"requests are spread by {name}" if name else "")
    if header := hashed.get("httpHeaderName"):
        return f"requests with the same {header} go to the same pod"
    if cookie := hashed.get("httpCookie"):
        ttl = f" for {spoken(cookie['ttl'])}" if cookie.get("ttl") not in (None, "0s") else ""
        return f"requests with the same cookie {cookie.get('name', '')} go to the same pod{ttl}"
    if parameter := hashed.get("httpQueryParameterName"):
        return f"requests with the same parameter {parameter} go to the same pod"
    return "requests from the same address go to the same pod"


def length(seconds: int) -> str:
    """Seconds in the largest unit that divides them: "3 h", "2 days"."""
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}{'s' if unit == 'day' and number != 1 else ''}"
    return f"{seconds} s"


FAMILY = LoadBalancing()
