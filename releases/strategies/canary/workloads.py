"""The workloads whose requests a canary moves, as its plan has them, and how many pods a share needs. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from environments.kube.objects import Ref
from environments.kube.traffic import Route, find
from releases.engine.facts import Target, View, Work

LARGEST_SHARE = 75
"""Percent that a canary without weights can get before it gets all: three pods beside each of stable's."""


@dataclass(frozen=True)
class Moved:
    """One entry of a plan's `traffic`. `key` and `canary` are the Ref.key of the two Deployments.

    `replicas` are those of stable when it was planned, `scaler` the autoscaler that holds them.
    """

    workload: str
    key: str
    canary: str
    route: Route
    replicas: int
    scaler: Ref | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Moved":
        scaler = entry.get("scaler")
        return cls(
            workload=entry["workload"],
            key=entry["key"],
            canary=entry["canary"],
            route=Route.from_json(entry["route"]),
            replicas=int(entry["replicas"]),
            scaler=Ref(*scaler) if scaler else None,
        )

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


def moved(work: Work, workloads: Collection[str] | None = None) -> tuple[Moved, ...]:
    """Those of these names, or all of them, in the plan's order."""
    found = (Moved.of(entry) for entry in work.traffic if "canary" in entry)
    return tuple(each for each in found if workloads is None or each.workload in workloads)


def target_of(work: Work, key: str) -> Target | None:
    """The plan's object of that Ref.key."""
    return next((target for target in work.targets if target.key == key), None)


def stable_size(view: View, each: Moved) -> int:
    """How many pods stable is to have now."""
    return size_of(view, each.key, each.replicas)


def size_of(view: View, key: str, unknown: int) -> int:
    """How many pods a workload is to have now; `unknown` where nothing was seen of it yet."""
    look = view.look(key)
    spec = ((look.object if look else None) or {}).get("spec") or {}
    return int(spec.get("replicas", unknown))


def stable_ready(view: View, each: Moved) -> int:
    """How many of stable's pods can serve."""
    look = view.look(each.key)
    status = ((look.object if look else None) or {}).get("status") or {}
    return int(status.get("availableReplicas") or 0)


def timed_out(view: View) -> bool:
    """Whether the step has been worked on for as long as a step without progress may take."""
    return view.spent >= view.facts.progress_seconds
