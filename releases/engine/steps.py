"""What every strategy is made of: steps on a plan's objects. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from common.discovery import modules_of
from environments.kube.status.health import health
from portal.steps import step as steps
from portal.steps.operations import Operation
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import WATCHED, Target, View
from releases.engine.operations import Adopt, Apply, Clear, OnObject, Prune, Read

KINDS_IN = "releases.strategies"
LEFT, RETURNED = "left", "returned"
READ_PAUSES = (0.2, 0.5, 1.0, 2.0)
TOLD = 4  # of many definitions that are waited for
BEFORE_BINDINGS = frozenset({"Role", "ClusterRole"})
CLEAR_PAUSE = 1.0  # seconds between two tries to delete what is to be made anew
BEFORE_ROUTES = frozenset({"DestinationRule"})


class RolloutStep(steps.BaseStep[View]):
    """One step of a track. `objects` are indices of plan["objects"], `settings` what the strategy gave it."""

    def targets(self, view: View) -> tuple[Target, ...]:
        return tuple(view.work.targets[index] for index in self.objects)


def read_step(data: Mapping[str, Any]) -> RolloutStep:
    """The step that `to_json` wrote. KeyError names a kind that this version does not know."""
    _load_kinds()
    return steps.read_step(RolloutStep, data)


@cache
def _load_kinds() -> None:
    """Strategies bring kinds of their own: a step is one once its file is imported."""
    modules_of(KINDS_IN, deep=True)


def all_done(view: View, operations: Iterable[Operation], why: str) -> Judgement:
    """Done when each of the operations has its result."""
    left = undone(view, operations)
    names = ", ".join(operation.ref.text for operation in left if isinstance(operation, OnObject))
    return Wait(f"still to do: {names}") if left else Done(why)


def read_due(view: View, target: Target, pauses: tuple[float, ...] = READ_PAUSES) -> bool:
    """Whether it is time to read the object again; the pauses grow."""
    read = view.read(target.key)
    return read is None or view.facts.now >= read["at"] + pauses[min(read["count"], len(pauses)) - 1]


def _in_the_way(view: View, target: Target) -> bool:
    return target.anew and not view.slot(Clear.slot).get(target.key, {}).get("gone")


def _clear(view: View, target: Target) -> Clear:
    written = view.written.get(target.key, {})
    return Clear(target.ref, written.get("uid", ""), patient=target.hook is None)


def _clear_due(view: View, target: Target) -> bool:
    cleared = view.slot(Clear.slot).get(target.key)
    return cleared is None or bool(view.facts.now >= cleared["at"] + CLEAR_PAUSE)


@dataclass(frozen=True)
class ConfirmStep(RolloutStep):
    """The dry run of the plan once more. Without it a rollout does not become live, so here it is on record alone."""

    kind: ClassVar[str] = "confirm"

    def operations(self, view: View) -> tuple[Operation, ...]:  # noqa: ARG002
        return ()

    def verdict(self, view: View) -> Judgement:  # noqa: ARG002
        return Done("the cluster is as it was when this was planned")


@dataclass(frozen=True)
class AdoptStep(RolloutStep):
    """Take the fields that people and tools own, so that the apply that follows restores every one."""

    kind: ClassVar[str] = "adopt"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, [Adopt(ref, view.work.spare) for ref in view.work.adopt])

    def verdict(self, view: View) -> Judgement:
        taken = {name for result in view.slot("adopted").values() for name in result["managers"]}
        return Done(f"fields taken from {', '.join(sorted(taken))}" if taken else "nobody else owns a field")


@dataclass(frozen=True)
class ApplyStep(RolloutStep):
    """Apply objects, side by side; stored is done. What can only be made anew is deleted before.

    On the way back an object beside the workloads that the cluster refuses is left as it is, for good.
    """

    def wanted(self, view: View) -> tuple[Operation, ...]:
        to_apply = (target for target in self.targets(view) if not self.has_run(view, target))
        return tuple(Apply(target.ref, target.index, _steps_over(view, target)) for target in to_apply)

    def has_run(self, view: View, target: Target) -> bool:
        """Whether it is a Job that this rollout has seen succeed: applied again it might run again."""
        return (view.written.get(target.key, {}).get("ended") or {}).get("state") == "done"

    def remember(self, view: View) -> Notes:
        applied = view.slot(Apply.slot)
        left = {key: result["left"] for key, result in applied.items() if "left" in result}
        return Notes(view.memory, with_returned(view, left))

    def operations(self, view: View) -> tuple[Operation, ...]:
        left = undone(view, self.wanted(view))
        keys = {operation.key for operation in left}
        there = [target for target in self.targets(view) if target.key in keys and _in_the_way(view, target)]
        clears = tuple(_clear(view, target) for target in there if _clear_due(view, target))
        return (*clears, *(each for each in left if each.key not in {target.key for target in there}))

    def verdict(self, view: View) -> Judgement:
        there = [t for t in self.targets(view) if _in_the_way(view, t) and not self.has_run(view, t)]
        if not there:
            left = [result["left"] for result in view.slot(Apply.slot).values() if "left" in result]
            done = f"{len(self.objects) - len(left)} applied"
            return all_done(view, self.wanted(view), "; left as it is: ".join([done, *left]))
        cleared = view.slot(Clear.slot)
        words = "; ".join(f"{t.ref.text}: {cleared.get(t.key, {}).get('why', 'not deleted yet')}" for t in there)
        if view.spent > view.facts.progress_seconds:
            return Fail(f"could not be made anew for {view.facts.progress_seconds:.0f} s: {words}")
        return Wait(words, CLEAR_PAUSE)


def with_returned(view: View, left: Mapping[str, str]) -> Mapping[str, Any]:
    """What steps keep, with what a way back has put back and what it has left, by Ref.key."""
    applied = view.slot(Apply.slot)
    if not view.work.returning or not applied:
        return view.kept
    back = {key: True for key in applied if key not in left}
    added = {LEFT: {**view.kept.get(LEFT, {}), **left}, RETURNED: {**view.kept.get(RETURNED, {}), **back}}
    return {**view.kept, **added}


def _steps_over(view: View, target: Target) -> bool:
    return view.work.returning and target.ref.kind not in WATCHED


@dataclass(frozen=True)
class ConfigurationStep(ApplyStep):
    """Roles first: who may not bind every role can only bind one that is there."""

    kind: ClassVar[str] = "configuration"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return _first(super().operations(view), BEFORE_BINDINGS)


@dataclass(frozen=True)
class ServicesStep(ApplyStep):
    kind: ClassVar[str] = "services"


@dataclass(frozen=True)
class AfterStep(ApplyStep):
    """What comes after the workloads: rules with subsets first, since a route to a subset that is not there fails."""

    kind: ClassVar[str] = "after"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return _first(super().operations(view), BEFORE_ROUTES)


@dataclass(frozen=True)
class DefinitionsStep(ApplyStep):
    """Namespaces and definitions of kinds: what follows needs them ready, not only stored."""

    kind: ClassVar[str] = "namespaces"

    def operations(self, view: View) -> tuple[Operation, ...]:
        if applies := super().operations(view):
            return applies
        return tuple(
            Read(target.ref) for target in self.targets(view) if self._waits(view, target) and read_due(view, target)
        )

    def verdict(self, view: View) -> Judgement:
        waiting = [f"{t.ref.text}: {self._words(view, t)}" for t in self.targets(view) if self._waits(view, t)]
        if not waiting:
            return Done(f"{len(self.objects)} ready")
        if view.spent > view.facts.progress_seconds:
            return Fail(f"not ready after {view.facts.progress_seconds:.0f} s: {_some(waiting)}")
        return Wait(_some(waiting), READ_PAUSES[-1])

    def _waits(self, view: View, target: Target) -> bool:
        if target.key in view.kept.get(LEFT, {}):
            return False
        look = view.look(target.key)
        return look is None or look.object is None or health(look.object).state != "done"

    def _words(self, view: View, target: Target) -> str:
        look = view.look(target.key)
        return health(look.object).why if look and look.object else "it is not there yet"


def _first(operations: tuple[Operation, ...], kinds: frozenset[str]) -> tuple[Operation, ...]:
    """Those on objects of these kinds while there are any, then all others."""
    return tuple(each for each in operations if isinstance(each, OnObject) and each.ref.kind in kinds) or operations


def _some(words: Sequence[str]) -> str:
    more = f"; and {len(words) - TOLD} more" if len(words) > TOLD else ""
    return "; ".join(words[:TOLD]) + more


@dataclass(frozen=True)
class PruneStep(RolloutStep):
    """Delete what the plan no longer has, by its uid; what the release brought, also where it was made again since."""

    kind: ClassVar[str] = "prune"

    def _wanted(self, view: View) -> tuple[Operation, ...]:
        return tuple(Prune(ref, uid) for ref, uid in view.work.prune)

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, self._wanted(view))

    def verdict(self, view: View) -> Judgement:
        return all_done(view, self._wanted(view), f"{len(view.work.prune)} removed")
