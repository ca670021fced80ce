"""Services, which route to all their ready pods. Pure."""

from sandbox.edge.model import Backend, RoutedObject, RoutingRule, service_hosts
from sandbox.meta import Object, key_of

KIND = "Service"


def source(service: Object) -> RoutedObject:
    """What a Service routes, under each of its names."""
    key = key_of(service)
    rule = RoutingRule("Service", *key, "", (Backend(*key),))
    return RoutedObject("Service", key, dict.fromkeys(service_hosts(*key), (rule,)))
