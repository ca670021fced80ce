"""What a step may want done to a cluster, and what came of it. Data only: a file of `acting` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from environments.kube.api.errors import Fault
from environments.kube.objects import Ref


@dataclass(frozen=True)
class Operation:
    """One call or a few on one object. `slot` and `key` say where its result is remembered."""

    slot: ClassVar[str] = ""
    writes: ClassVar[bool] = True

    @property
    def key(self) -> str:
        return ""

    def keeps(self, result: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:  # noqa: ARG002
        """What of its result outlives the step, under "keep": name → key → value."""
        return {}


@dataclass(frozen=True)
class OnObject(Operation):
    """An operation on one object."""

    ref: Ref

    @property
    def key(self) -> str:
        return self.ref.key


@dataclass(frozen=True)
class Adopt(OnObject):
    """Take the fields that people and tools own. Result: {"managers": [name, …]}."""

    slot: ClassVar[str] = "adopted"


@dataclass(frozen=True)
class Apply(OnObject):
    """Apply the plan's object of that index. Result: {"uid", "generation"}."""

    index: int
    slot: ClassVar[str] = "applied"


@dataclass(frozen=True)
class Halt(OnObject):
    """Apply the plan's Deployment of that index with spec.paused. Result: {"uid", "generation"}."""

    index: int
    slot: ClassVar[str] = "halted"


@dataclass(frozen=True)
class Scale(OnObject):
    """Set the replicas of a workload, in the hand of slipway-scale. Result: {"replicas", "generation"}."""

    replicas: int
    slot: ClassVar[str] = "scaled"


@dataclass(frozen=True)
class Prune(OnObject):
    """Delete the object, if it still is that one ("" where the uid is not known: the one that we wrote). Result: {}."""

    uid: str
    slot: ClassVar[str] = "pruned"


@dataclass(frozen=True)
class Read(OnObject):
    """Read the object where no watch tells of it. Result: {"object": dict | None}."""

    slot: ClassVar[str] = "read"
    writes: ClassVar[bool] = False


@dataclass(frozen=True)
class Diagnose(OnObject):
    """List the pods of a workload that stalls; free a StatefulSet that stands on broken pods of an old revision.

    Result: {"problems": [{"words", "fatal"}, …], "summary": str, "freed": [pod, …], "said": str}.
    """

    slot: ClassVar[str] = "looked"


@dataclass(frozen=True)
class CountRestarts(OnObject):
    """Count how often the containers of a workload's newest pods were restarted. Result: {"count": int}."""

    slot: ClassVar[str] = "restarts"
    writes: ClassVar[bool] = False


@dataclass(frozen=True)
class RecountRestarts(CountRestarts):
    """The same, later."""

    slot: ClassVar[str] = "recounted"


@dataclass(frozen=True)
class Trouble:
    """Why an operation was not done, in the cluster's words. `retry_after` in seconds where the server named them."""

    fault: Fault
    words: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one operation: its result, or the trouble."""

    operation: Operation
    data: Mapping[str, Any] = field(default_factory=dict)
    trouble: Trouble | None = None
