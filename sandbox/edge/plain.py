"""Services, which route to all their ready pods. Pure."""

from sandbox.edge.model import Backend, Rule, Source, service_hosts
from sandbox.meta import Object, key_of

KIND = "Service"


def source(service: Object) -> Source:
    """What a Service routes, under each of its names."""
    key = key_of(service)
    rule = Rule("Service", *key, "", (Backend(*key),))
    return Source("Service", key, dict.fromkeys(service_hosts(*key), (rule,)))
