"""What a step may want done to the objects of a cluster. Data only: handlers carry it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.objects import Ref
from portal.steps.operations import Operation, Outcome, Result


@dataclass(frozen=True)
class OnObject(Operation):
    """An operation on one object."""

    ref: Ref

    @property
    def key(self) -> str:
        return self.ref.key


@dataclass(frozen=True)
class Write(OnObject):
    """The plan's object of that index, written as a whole. Result: {"uid", "generation", "version"}."""

    index: int
    outdates: ClassVar[tuple[str, ...]] = ("read",)

    def written(self, before: Result | None, result: Result, now: float) -> Result | None:  # noqa: ARG002
        return {**result, "at": now}


@dataclass(frozen=True)
class Adopt(OnObject):
    """Take the fields that people and tools own, less what is to be spared. Result: {"managers": [name, …]}."""

    spare: frozenset[str] = frozenset()
    slot: ClassVar[str] = "adopted"


@dataclass(frozen=True)
class Apply(Write):
    """Apply it as it is. `steps_over`: what the cluster refuses is left as it is: {"left": its words}."""

    steps_over: bool = False
    slot: ClassVar[str] = "applied"

    def remembered(self, before: Result, outcome: Outcome, now: float) -> Result | None:
        refused = outcome.trouble is not None and outcome.trouble.fault == "user"
        if self.steps_over and outcome.trouble and refused:
            return {"left": outcome.trouble.words}
        return super().remembered(before, outcome, now)


@dataclass(frozen=True)
class Halt(Write):
    """Apply a Deployment with spec.paused."""

    slot: ClassVar[str] = "halted"


@dataclass(frozen=True)
class Clear(OnObject):
    """Delete what has the name, so that it can be made anew: a Job, a hook. Result: {"gone": bool, "why": str}.

    `uid`: what an earlier step or try of this rollout wrote, which goes like any other; what else of this rollout's
    is there stays, since only a crash has kept us from knowing of it. `patient`: a Job that still runs is waited for.
    """

    uid: str = ""
    patient: bool = False
    slot: ClassVar[str] = "cleared"

    def remembered(self, before: Result, outcome: Outcome, now: float) -> Result | None:  # noqa: ARG002
        """With when; what is not gone yet is tried again."""
        return None if outcome.trouble else {**outcome.result, "at": now}


@dataclass(frozen=True)
class Finish(Write):
    """Take down how a Job or Pod that ran has ended, and give it the TTL that it has been kept without. Result: {}.

    From here on it may be gone: it has ended as `state` ("done" or "fail") and `why` say.
    """

    state: str
    why: str
    slot: ClassVar[str] = "finished"

    def written(self, before: Result | None, result: Result, now: float) -> Result | None:  # noqa: ARG002
        return {**(before or {"uid": "", "generation": 0, "at": now}), "ended": {"state": self.state, "why": self.why}}


@dataclass(frozen=True)
class Scale(OnObject):
    """Set the replicas of a workload, in the hand of slipway-scale. Result: {"replicas", "generation"}."""

    replicas: int
    slot: ClassVar[str] = "scaled"

    def written(self, before: Result | None, result: Result, now: float) -> Result | None:
        """A status from before the new number says nothing of it."""
        return {**before, "generation": result["generation"], "at": now} if before else None


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

    def remembered(self, before: Result, outcome: Outcome, now: float) -> Result | None:
        """With when, and how often by now."""
        return None if outcome.trouble else {**outcome.result, "at": now, "count": before.get("count", 0) + 1}


@dataclass(frozen=True)
class Diagnose(OnObject):
    """List the pods of a workload that stalls; free a StatefulSet that stands on broken pods of an old revision.

    Result: {"problems": [{"words", "fatal", "missing"}, …], "summary": str, "freed": [pod, …], "said": str}.
    """

    slot: ClassVar[str] = "looked"

    def remembered(self, before: Result, outcome: Outcome, now: float) -> Result | None:
        """One more look; that pods cannot be looked at fails nothing."""
        found = {"at": now, "count": before.get("count", 0) + 1}
        if outcome.trouble:
            summary = f"why is not known, since its pods cannot be looked at: {outcome.trouble.words}"
            return {**found, "summary": summary, "fatal": False, "fatal_since": None}
        grave = [problem for problem in outcome.result["problems"] if problem["fatal"]]
        since = (before.get("fatal_since") or now) if grave else None
        told = {"summary": outcome.result.get("summary", ""), "fatal": bool(grave), "fatal_since": since}
        return {**found, **told, "missing": _missing(grave)}

    def output(self, result: Result) -> str:
        return str(result.get("said", ""))


def _missing(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """ConfigMaps and Secrets that are not there, where nothing else stands in the way: somebody may make them yet."""
    names = {str(problem.get("missing", "")) for problem in problems}
    return sorted(names) if "" not in names else []


@dataclass(frozen=True)
class CountRestarts(OnObject):
    """Count how often the containers of a workload's newest pods were restarted. Result: {"count": int}."""

    slot: ClassVar[str] = "restarts"
    writes: ClassVar[bool] = False


@dataclass(frozen=True)
class RecountRestarts(CountRestarts):
    """The same, later."""

    slot: ClassVar[str] = "recounted"
