"""The toy's steps, forward and back, and what it hands to the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from portal.steps import step as steps
from portal.steps.flow import Flow, Wording
from portal.steps.operations import Operation
from portal.steps.phases import Phases, Return
from portal.steps.retries import Patience
from portal.steps.state import State
from portal.steps.step import BaseFacts, BaseStep, Notes, undone
from portal.steps.verdicts import Ask, Done, Fail, Judgement, Wait
from tests.portal.steps.toy.operations import Brake, Glance, Pack, SendOff, Unpack, Weigh

WEIGHING_SECONDS = 10.0
TOO_MUCH = 100


@dataclass(frozen=True)
class Load:
    """The work of a track: the things, and the steps."""

    steps: Sequence[Mapping[str, Any]]
    things: tuple[str, ...] = ("lamp", "clock", "books")


@dataclass(frozen=True)
class Sight(steps.BaseView[Load, BaseFacts]):
    """What a step of the toy sees."""


class ToyStep(BaseStep[Sight]):
    """A step of the toy."""


@dataclass(frozen=True)
class ChooseStep(ToyStep):
    """A person says that it may begin, where its settings want one asked."""

    kind: ClassVar[str] = "choose"

    def remember(self, view: Sight) -> Notes:
        return Notes({**view.memory, "chosen": view.memory.get("chosen") or view.answered}, {"by": "a person"})

    def operations(self, view: Sight) -> tuple[Operation, ...]:
        return undone(view, [Glance("street")])

    def verdict(self, view: Sight) -> Judgement:
        if self.settings.get("asks") and not (view.memory["chosen"] or view.promoted):
            return Ask("Is it the right chest?")
        return Done("chosen")


@dataclass(frozen=True)
class PackStep(ToyStep):
    """Every thing is in the van."""

    kind: ClassVar[str] = "pack"

    def operations(self, view: Sight) -> tuple[Operation, ...]:
        return undone(view, [Pack(thing) for thing in view.work.things])

    def verdict(self, view: Sight) -> Judgement:
        return Done(f"{len(view.slot('packed'))} packed")


@dataclass(frozen=True)
class WeighStep(ToyStep):
    """The van is weighed every two seconds for ten, and must not be too heavy."""

    kind: ClassVar[str] = "weigh"
    phase: ClassVar[str] = "weighing"
    phase_why: ClassVar[str] = "All is packed."
    guards: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    def operations(self, view: Sight) -> tuple[Operation, ...]:
        last = view.slot("weighed").get("van", {"at": 0.0})["at"]
        return (Weigh("van", view.facts.now),) if view.facts.now >= last + 2 else ()

    def guard(self, view: Sight) -> tuple[Operation, ...]:
        return self.operations(view)

    def alarm(self, view: Sight) -> Fail | None:
        found = view.slot("weighed").get("van", {"kilograms": 0})["kilograms"]
        return Fail(f"{found} kg are too much") if found > TOO_MUCH else None

    def standing(self, view: Sight) -> str:
        return f"it weighs {view.slot('weighed')['van']['kilograms']} kg"

    def verdict(self, view: Sight) -> Judgement:
        if alarm := self.alarm(view):
            return alarm
        left = WEIGHING_SECONDS - view.spent
        return Done("light enough") if left <= 0 or view.promoted else Wait(f"{left:.0f} s left", min(left, 2.0))


@dataclass(frozen=True)
class SendStep(ToyStep):
    """The van is on its way."""

    kind: ClassVar[str] = "send"

    def operations(self, view: Sight) -> tuple[Operation, ...]:
        return undone(view, [SendOff("van")])

    def verdict(self, view: Sight) -> Judgement:
        return Done("off")


@dataclass(frozen=True)
class UnpackStep(ToyStep):
    """What was packed is out again."""

    kind: ClassVar[str] = "unpack"

    def operations(self, view: Sight) -> tuple[Operation, ...]:
        return undone(view, [Unpack(thing) for thing in view.work.things if thing in view.written])

    def verdict(self, view: Sight) -> Judgement:
        return Done("empty")


FORWARD = (
    ChooseStep("Choose the chest"),
    PackStep("Pack it"),
    WeighStep("Weigh the van"),
    SendStep("Send it off"),
)
BACK = (UnpackStep("Unpack"),)


def load(*steps: ToyStep) -> Load:
    """The work as a plan stores it."""
    return Load(tuple(step.to_json() for step in steps))


def _view(work: Load, facts: BaseFacts, state: State) -> Sight:
    return Sight(work, facts, **steps.seen(state))


def _brakes(view: Sight, step: BaseStep[Sight]) -> tuple[Operation, ...]:
    return undone(view, [Brake("van")]) if step.kind == "pack" else ()


FLOW: Flow[Load, BaseFacts, Sight] = Flow(
    phases=Phases(
        "moving", "held", "moved", "broken",
        Return("leaving", "left", "Left"), Return("unpacking", "unpacked", "Taken back"), frozenset({"weighing"}),
    ),
    view=_view,
    read=lambda data: steps.read_step(ToyStep, data),
    hold=_brakes,
    anew=frozenset({"packed", "braked"}),
    patience=Patience(frozenset({"ours"}), {"street's": 30.0}, "the street"),
    wording=Wording(given_up="Nobody could move it"),
)  # fmt: skip
