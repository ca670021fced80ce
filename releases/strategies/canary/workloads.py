"""The workloads whose requests a canary moves, as its plan has them, and how many pods a share needs. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

from environments.kube.objects import Ref
from environments.kube.traffic import Route, find
from releases.engine.facts import View, Work

LARGEST_SHARE = 75
"""Percent that a canary without weights can get before it gets all: three pods beside each of stable's."""


@dataclass(frozen=True)
class CanaryWorkload:
    """One entry of a plan's `traffic`. `key` and `canary` are the Ref.key of the two Deployments.

    `replicas` are those of stable when it was planned, `scaler` the autoscaler that holds them. `others`: the routes
    that move along with `route`, and the Services that lead to stable alone meanwhile.
    """

    kind: ClassVar[str] = "canary"
    handed_over: ClassVar[tuple[Ref, ...]] = ()

    workload: str
    key: str
    canary: str
    route: Route
    replicas: int
    scaler: Ref | None = None
    hosts: tuple[str, ...] = ()
    others: tuple[Route, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "CanaryWorkload":
        scaler = data.get("scaler")
        return cls(
            workload=data["workload"],
            key=data["key"],
            canary=data["canary"],
            route=Route.from_json(data["route"]),
            replicas=int(data["replicas"]),
            scaler=Ref(*scaler) if scaler else None,
            hosts=tuple(data.get("hosts", ())),
            others=tuple(Route.from_json(each) for each in data.get("others", ())),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "workload": self.workload,
            "key": self.key,
            "canary": self.canary,
            "service": self.route.service,
            "route": self.route.to_json(),
            "others": [each.to_json() for each in self.others],
            "hosts": list(self.hosts),
            "replicas": self.replicas,
            "scaler": list(self.scaler) if self.scaler else None,
        }

    @property
    def moved_by(self) -> Route:
        return self.route

    @property
    def routes(self) -> tuple[Route, ...]:
        """All that is written to, `route` first."""
        return (self.route, *self.others)

    @property
    def moving(self) -> tuple[Route, ...]:
        """Those that have weights."""
        return tuple(each for each in self.routes if not find(each.router).follows)

    @property
    def moved_text(self) -> str:
        """What moves the requests, as a person reads it: "VirtualService shop/web, VirtualService shop/web-inner"."""
        return ", ".join(each.text for each in self.moving)

    @property
    def sides(self) -> tuple[str, str]:
        return self.canary, self.key

    @property
    def coarse(self) -> bool:
        """Whether shares follow from numbers of pods."""
        return find(self.route.router).coarse

    def needs(self, weight: int, stable: int) -> int:
        """How many pods the canary needs for `weight` % beside `stable` pods that serve, or would serve, all."""
        if self.coarse and weight < 100:
            share = min(weight, LARGEST_SHARE)
            return max(1, ceil(share * stable / (100 - share)))
        return max(1, ceil(weight * stable / 100))


def moved(work: Work, workloads: Collection[str] | None = None) -> tuple[CanaryWorkload, ...]:
    """Those of these names, or all of them, in the plan's order."""
    found = (CanaryWorkload.from_json(each) for each in work.traffic if each.get("kind") == CanaryWorkload.kind)
    return tuple(each for each in found if workloads is None or each.workload in workloads)


def is_open(route: Route) -> bool:
    """Whether it is a Service that leads to both sides as soon as anybody is let in."""
    return find(route.router).follows and not route.by_host


def stable_size(view: View, each: CanaryWorkload) -> int:
    """How many pods stable is to have now."""
    return size_of(view, each.key, each.replicas)


def size_of(view: View, key: str, unknown: int) -> int:
    """How many pods a workload is to have now; `unknown` where nothing was seen of it yet."""
    look = view.look(key)
    spec = ((look.object if look else None) or {}).get("spec") or {}
    return int(spec.get("replicas", unknown))


def stable_ready(view: View, each: CanaryWorkload) -> int:
    """How many of stable's pods can serve."""
    look = view.look(each.key)
    status = ((look.object if look else None) or {}).get("status") or {}
    return int(status.get("availableReplicas") or 0)


def timed_out(view: View) -> bool:
    """Whether the step has been worked on for as long as a step without progress may take."""
    return view.spent >= view.facts.progress_seconds
