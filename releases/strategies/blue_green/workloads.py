"""What a plan notes of each workload in colours: one entry of its `traffic`. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from environments.kube.names import STABLE
from environments.kube.objects import Ref
from environments.kube.traffic import Route
from releases.engine.facts import View, Work
from releases.strategies.blue_green.colours import KIND, Naming, in_colour


@dataclass(frozen=True)
class Switch:
    """One object by which requests are led: to `to` when the new colour serves, to `back` while the other does.

    Both are Services' names, or with the router "service" tracks, and then the selectors of both go with them.
    """

    route: Route
    to: str
    back: str
    to_selector: Mapping[str, str] | None = None
    back_selector: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "route": self.route.to_json(),
            "to": self.to,
            "back": self.back,
            "to_selector": self.to_selector,
            "back_selector": self.back_selector,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Switch":
        return cls(**{**data, "route": Route.from_json(data["route"])})


@dataclass(frozen=True)
class ColouredWorkload:
    """A workload that is deployed in the idle colour beside the one that serves.

    `before` is the track that serves when it begins. `size`: pods that it wants by itself, where no autoscaler
    holds them (`scaled`). `scalers` are those of the colour that serves. `health` and `public`: {"port", "path",
    "status"} of a probe through the preview, and through the Service itself. `tests` are smoke tests.
    """

    kind: ClassVar[str] = KIND
    handed_over: ClassVar[tuple[Ref, ...]] = ()

    naming: Naming
    before: str
    switches: tuple[Switch, ...]
    hosts: tuple[str, ...] = ()
    scaled: bool = False
    size: int = 1
    wave: int = 0
    scalers: tuple[Ref, ...] = ()
    health: Mapping[str, Any] = field(default_factory=dict)
    public: Mapping[str, Any] = field(default_factory=dict)
    tests: tuple[Mapping[str, Any], ...] = ()
    metrics: tuple[Mapping[str, Any], ...] = ()

    @property
    def workload(self) -> str:
        return self.naming.workload.name

    @property
    def idle(self) -> Ref:
        """The Deployment of the new version."""
        return self.naming.coloured

    @property
    def live(self) -> Ref:
        """The Deployment that serves when it begins."""
        return in_colour(self.naming.workload, self.before)

    @property
    def service(self) -> Ref:
        return self.naming.at(self.naming.service)

    @property
    def route(self) -> Route:
        """The one that matters most: where requests come in."""
        return self.switches[0].route

    @property
    def moved_by(self) -> Route:
        return self.route

    @property
    def sides(self) -> tuple[str, str]:
        return self.idle.key, self.live.key

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "workload": self.workload,
            "service": self.naming.service,
            "colour": self.naming.colour,
            "before": self.before,
            "route": self.route.to_json(),
            "hosts": list(self.hosts),
            "naming": self.naming.to_json(),
            "switches": [switch.to_json() for switch in self.switches],
            "scaled": self.scaled,
            "size": self.size,
            "wave": self.wave,
            "scalers": [list(ref) for ref in self.scalers],
            "health": dict(self.health),
            "public": dict(self.public),
            "tests": [dict(test) for test in self.tests],
            "metrics": [dict(metric) for metric in self.metrics],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ColouredWorkload":
        return cls(
            naming=Naming.from_json(data["naming"]),
            before=data["before"],
            switches=tuple(Switch.from_json(each) for each in data["switches"]),
            hosts=tuple(data["hosts"]),
            scaled=data["scaled"],
            size=data["size"],
            wave=data["wave"],
            scalers=tuple(Ref(*ref) for ref in data["scalers"]),
            health=data["health"],
            public=data["public"],
            tests=tuple(data["tests"]),
            metrics=tuple(data["metrics"]),
        )


def coloured_of(work: Work, workloads: Collection[str] | None = None) -> tuple[ColouredWorkload, ...]:
    """The entries of these workloads, by default of all, in the plan's order."""
    found = (ColouredWorkload.from_json(entry) for entry in work.traffic if entry.get("kind") == KIND)
    return tuple(each for each in found if workloads is None or each.workload in workloads)


def spec_size(obj: Mapping[str, Any] | None) -> int:
    """The replicas that a Deployment is to have, 0 for one that is not there."""
    if obj is None:
        return 0
    return int((obj.get("spec") or {}).get("replicas", 1))


def ready_pods(obj: Mapping[str, Any] | None) -> int:
    return int(((obj or {}).get("status") or {}).get("availableReplicas") or 0)


def seen(view: View, ref: Ref) -> Mapping[str, Any] | None:
    """The object as it was last seen, None where it is not there or was not looked at."""
    look = view.look(ref.key)
    return look.object if look else None


def colour_words(track: str) -> str:
    return "the plain one" if track == STABLE else track
