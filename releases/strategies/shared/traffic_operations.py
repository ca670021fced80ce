"""What a step may want done to requests: weights written and read, sides measured, autoscalers held. Data only."""

from dataclasses import dataclass, field
from typing import ClassVar

from environments.kube.traffic import Route, Testers
from portal.steps.operations import Operation, Record, Result
from releases.analysis.metrics import Metric
from releases.engine.operations import OnObject
from releases.strategies.shared.records import Share

NO_TESTERS = Testers()


@dataclass(frozen=True)
class OnRoute(Operation):
    """An operation on the requests to one workload. `at`: when it was decided, in seconds since the epoch.

    `others`: the routes that move requests of the workload besides `route`, or keep them to stable.
    """

    route: Route
    at: float
    others: tuple[Route, ...] = field(default=(), kw_only=True)

    @property
    def key(self) -> str:
        return self.route.workload

    @property
    def routes(self) -> tuple[Route, ...]:
        return (self.route, *self.others)

    def records(self, result: Result) -> tuple[Record, ...]:
        """The share as it was read back; none where it cannot be told."""
        weight = int(result.get("weight", -1))
        return (Share(self.route.workload, weight),) if weight >= 0 else ()


@dataclass(frozen=True)
class SetWeight(OnRoute):
    """Send `weight` % to the canary and read back.

    Result: {"weight", "accepted", "why", "manager", "ours", "where", "at", "wanted"}; `wanted` is what was written,
    `where` names the routes that stand out.
    """

    weight: int
    testers: Testers = NO_TESTERS
    slot: ClassVar[str] = "weighed"


@dataclass(frozen=True)
class ReadWeight(OnRoute):
    """Read the weight back. Result as SetWeight's, without "wanted"."""

    slot: ClassVar[str] = "seen"
    writes: ClassVar[bool] = False


@dataclass(frozen=True)
class ClearRoute(OnRoute):
    """Put the route at rest and remove what was only there for the canary. Result as ReadWeight's."""

    slot: ClassVar[str] = "cleared"


@dataclass(frozen=True)
class Measure(OnRoute):
    """Ask Prometheus for one metric over the last `window` seconds. Result: a Sample as JSON."""

    metric: Metric
    window: float
    alone: bool = False
    slot: ClassVar[str] = "measured"
    writes: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return f"{self.route.workload} {self.metric.name}"


@dataclass(frozen=True)
class HoldFloor(OnObject):
    """Have an autoscaler keep at least `minimum` pods. Result: {"asked", "before", "there"}."""

    minimum: int
    slot: ClassVar[str] = "held"


@dataclass(frozen=True)
class ReleaseFloor(OnObject):
    """Give an autoscaler the minimum back that it had before. Result: {"minimum"}; None where it was not held."""

    slot: ClassVar[str] = "released"
