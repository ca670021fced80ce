"""Routers: one file each, found by being here. A file's ROUTER is an instance of Router."""

from environments.kube.traffic.base import NO_TESTERS, NOBODY, Route, Router, Seen, Testers
from environments.kube.traffic.choosing import all_routes, choose, find, leading, names, service_of

__all__ = [
    "NOBODY",
    "NO_TESTERS",
    "Route",
    "Router",
    "Seen",
    "Testers",
    "all_routes",
    "choose",
    "find",
    "leading",
    "names",
    "service_of",
]
