"""What a step may want done to two colours: requests led, endpoints counted, answers asked for. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from environments.kube.traffic import Route
from portal.steps.operations import Operation, Outcome, Result
from releases.engine.operations import OnObject


@dataclass(frozen=True)
class Lead(Operation):
    """Lead all requests of a route to `to` by one guarded write, and read it back.

    `selector`: the Service's own, where the route is one; None leaves it. Result: {"target", "accepted", "why",
    "there", "manager"}; not `there`: the object is gone, so that it leads nowhere.
    """

    route: Route
    to: str
    selector: Mapping[str, str] | None = None
    slot: ClassVar[str] = "led"

    @property
    def key(self) -> str:
        return self.route.text


@dataclass(frozen=True)
class LookLed(Operation):
    """Read where a route leads: its router takes a write up late, and others may write. Result: as Lead's, and "at"."""

    route: Route
    at: float
    slot: ClassVar[str] = "led"
    writes: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return self.route.text


@dataclass(frozen=True)
class CountEndpoints(OnObject):
    """Count the ready endpoints of a Service by the track of their pods. Result: {"ready": {track: n}, "at"}."""

    at: float
    slot: ClassVar[str] = "endpoints"
    writes: ClassVar[bool] = False


@dataclass(frozen=True)
class CountPods(OnObject):
    """Count the pods of a workload's track that are still there. Result: {"count", "at"}."""

    labels: str
    at: float
    slot: ClassVar[str] = "pods"
    writes: ClassVar[bool] = False


@dataclass(frozen=True)
class Probe(OnObject):
    """GET a path of a Service through the API server. Result: {"ok", "why", "at", "said"}.

    `why` has nothing of the answer; `said` is the beginning of one that was wrong, for those who may read logs.

    `status`: what is expected, 0 for any from 200 to 399. `at`: when it was decided, in seconds since the epoch.
    """

    name: str
    port: int
    path: str
    at: float
    status: int = 0
    contains: str = ""
    timeout: float = 3.0
    slot: ClassVar[str] = "probed"
    writes: ClassVar[bool] = False

    def remembered(self, before: Result, outcome: Outcome, now: float) -> Result | None:  # noqa: ARG002
        """Without the answer."""
        return None if outcome.trouble else {name: outcome.result[name] for name in ("ok", "why", "at")}

    def output(self, result: Result) -> str:
        return str(result.get("said", ""))

    @property
    def key(self) -> str:
        return f"{self.ref.name} {self.name}"


@dataclass(frozen=True)
class ProbeUrl(Operation):
    """GET an address of the operator's, as the public does. Result as Probe's."""

    url: str
    number: int
    at: float
    slot: ClassVar[str] = "probed"
    writes: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return f"{self.url} {self.number}"
