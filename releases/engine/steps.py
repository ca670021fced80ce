"""What a strategy is made of. A step owns its label, what it wants done, and its verdict on what it sees. Pure.

A step is stored in the plan as {"kind", "label", "objects": [index of plan["objects"], …], "settings": {…}} and read
back from there, so that what was approved is what runs. A subclass with a `kind` registers itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from environments.kube.status.health import health
from releases.engine.facts import Memory, Target, View
from releases.engine.operations import Adopt, Apply, OnObject, Operation, Prune, Read

HEARTBEAT = 30.0  # seconds after which a rollout that nothing wakes is looked at all the same
READ_PAUSES = (0.2, 0.5, 1.0, 2.0)
BEFORE_ROUTES = frozenset({"DestinationRule"})


@dataclass(frozen=True)
class Done:
    """The step has reached what it is for; `why` is kept with it."""

    why: str = ""


@dataclass(frozen=True)
class Wait:
    """Not yet. `due_in`: seconds after which to look again even if nothing wakes the rollout."""

    why: str
    due_in: float = HEARTBEAT


@dataclass(frozen=True)
class Fail:
    """It will not get there without a change. `back`: the way back begins at once, whatever the environment says."""

    why: str
    back: bool = False


@dataclass(frozen=True)
class Ask:
    """It cannot tell: the rollout is paused with these words, and a person says how it goes on."""

    why: str


Judgement = Done | Wait | Fail | Ask


@dataclass(frozen=True)
class Step:
    """One step of a track. Subclasses say what they want and when they are content."""

    label: str
    objects: tuple[int, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the strategy gave the step, as JSON: weights, routes, intervals."""
    kind: ClassVar[str] = ""
    guards: ClassVar[bool] = False
    """Whether it looks after something while it is paused."""
    returns: ClassVar[bool] = False
    """Whether the way back begins at once when it fails, whatever the environment says: requests depend on it."""

    def to_json(self) -> dict[str, Any]:
        """As the plan stores it."""
        told = {"settings": dict(self.settings)} if self.settings else {}
        return {"kind": self.kind, "label": self.label, "objects": list(self.objects), **told}

    def targets(self, view: View) -> tuple[Target, ...]:
        return tuple(view.work.targets[index] for index in self.objects)

    def remember(self, view: View) -> Memory:
        """The memory as it is after this look at the world."""
        return view.memory

    def operations(self, view: View) -> tuple[Operation, ...]:
        """What is to be done now; () when there is nothing but to wait."""
        raise NotImplementedError

    def verdict(self, view: View) -> Judgement:
        """How far the step is; asked only when there is nothing to do."""
        raise NotImplementedError

    def guard(self, view: View) -> tuple[Operation, ...]:  # noqa: ARG002
        """What is to be done while the rollout is paused in this step: looks, nothing that changes anything."""
        return ()

    def standing(self, view: View) -> str:  # noqa: ARG002
        """What a person should know of the step while it is paused; "" for nothing."""
        return ""

    def alarm(self, view: View) -> Fail | None:  # noqa: ARG002
        """What ends a pause in this step, by what the guard has seen."""
        return None


def read_step(data: Mapping[str, Any]) -> Step:
    """The step that `to_json` wrote. KeyError names a kind that this version does not know."""
    kinds = {cls.kind: cls for cls in _kinds(Step) if cls.kind}
    if data["kind"] not in kinds:
        raise KeyError(f"no step of kind {data['kind']!r}; this version knows {', '.join(sorted(kinds))}")
    return kinds[data["kind"]](data["label"], tuple(data.get("objects", ())), data.get("settings") or {})


def _kinds(cls: type[Step]) -> Iterable[type[Step]]:
    for child in cls.__subclasses__():
        yield child
        yield from _kinds(child)


def undone(view: View, operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Those that have no result yet."""
    return tuple(operation for operation in operations if operation.key not in view.slot(operation.slot))


def all_done(view: View, operations: Iterable[Operation], why: str) -> Judgement:
    """Done when each of the operations has its result."""
    left = undone(view, operations)
    names = ", ".join(operation.ref.text for operation in left if isinstance(operation, OnObject))
    return Wait(f"still to do: {names}") if left else Done(why)


def read_due(view: View, target: Target, pauses: tuple[float, ...] = READ_PAUSES) -> bool:
    """Whether it is time to read the object again; the pauses grow."""
    read = view.read(target.key)
    return read is None or view.facts.now >= read["at"] + pauses[min(read["count"], len(pauses)) - 1]


@dataclass(frozen=True)
class ConfirmStep(Step):
    """The dry run of the plan once more. Without it a rollout does not become live, so here it is on record alone."""

    kind: ClassVar[str] = "confirm"

    def operations(self, view: View) -> tuple[Operation, ...]:  # noqa: ARG002
        return ()

    def verdict(self, view: View) -> Judgement:  # noqa: ARG002
        return Done("the cluster is as it was when this was planned")


@dataclass(frozen=True)
class AdoptStep(Step):
    """Take the fields that people and tools own, so that the apply that follows restores every one."""

    kind: ClassVar[str] = "adopt"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, [Adopt(ref) for ref in view.work.adopt])

    def verdict(self, view: View) -> Judgement:
        taken = {name for result in view.slot("adopted").values() for name in result["managers"]}
        return Done(f"fields taken from {', '.join(sorted(taken))}" if taken else "nobody else owns a field")


@dataclass(frozen=True)
class ApplyStep(Step):
    """Apply objects, side by side; stored is done."""

    def wanted(self, view: View) -> tuple[Operation, ...]:
        return tuple(Apply(target.ref, target.index) for target in self.targets(view))

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, self.wanted(view))

    def verdict(self, view: View) -> Judgement:
        return all_done(view, self.wanted(view), f"{len(self.objects)} applied")


@dataclass(frozen=True)
class ConfigurationStep(ApplyStep):
    kind: ClassVar[str] = "configuration"


@dataclass(frozen=True)
class ServicesStep(ApplyStep):
    kind: ClassVar[str] = "services"


@dataclass(frozen=True)
class AfterStep(ApplyStep):
    """What comes after the workloads: rules with subsets first, since a route to a subset that is not there fails."""

    kind: ClassVar[str] = "after"

    def operations(self, view: View) -> tuple[Operation, ...]:
        left = super().operations(view)
        return tuple(each for each in left if isinstance(each, OnObject) and each.ref.kind in BEFORE_ROUTES) or left


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
            return Fail(f"not ready after {view.facts.progress_seconds:.0f} s: {'; '.join(waiting)}")
        return Wait("; ".join(waiting), READ_PAUSES[-1])

    def _waits(self, view: View, target: Target) -> bool:
        look = view.look(target.key)
        return look is None or look.object is None or health(look.object).state != "done"

    def _words(self, view: View, target: Target) -> str:
        look = view.look(target.key)
        return health(look.object).why if look and look.object else "it is not there yet"


@dataclass(frozen=True)
class PruneStep(Step):
    """Delete what the plan no longer has, by its uid; what the release brought, also where it was made again since."""

    kind: ClassVar[str] = "prune"

    def _wanted(self, view: View) -> tuple[Operation, ...]:
        return tuple(Prune(ref, uid) for ref, uid in view.work.prune)

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, self._wanted(view))

    def verdict(self, view: View) -> Judgement:
        return all_done(view, self._wanted(view), f"{len(view.work.prune)} removed")
