"""The idle colour brought up beside the one that serves, and what is left to do when it serves. Pure."""

from dataclasses import dataclass, replace
from typing import ClassVar

from environments.kube.names import TRACK
from environments.kube.objects import Ref
from environments.kube.status.owner_references import labelled
from portal.steps.operations import Operation
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import View, Work
from releases.engine.operations import Read, Scale
from releases.engine.steps import RolloutStep
from releases.strategies.blue_green.colours import COLOURS, in_colour
from releases.strategies.blue_green.operations import CountPods, Lead
from releases.strategies.blue_green.workloads import ColouredWorkload, coloured_of, ready_pods, seen, spec_size
from releases.strategies.shared.records import Share
from releases.strategies.shared.waves import WaveStep, parameter

READY_SECONDS = 300.0
LOOK_PAUSE = 2.0
GONE_PAUSE = 0.5
ROLLED_DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class ColourStep(RolloutStep):
    """A step that is about workloads in colours: settings["workloads"] names them, by default all."""

    def coloured(self, view: View) -> tuple[ColouredWorkload, ...]:
        return coloured_of(view.work, self.settings.get("workloads"))


def read_now(view: View, refs: tuple[Ref, ...], pause: float = LOOK_PAUSE) -> tuple[Operation, ...]:
    """Reads of those that were never looked at, or longer ago than the pause."""
    last = {ref: view.read(ref.key) for ref in refs}
    return tuple(Read(ref) for ref, read in last.items() if read is None or view.facts.now >= read["at"] + pause)


def wanted_size(view: View, entry: ColouredWorkload) -> int:
    """How many pods the idle colour is to have: as many as the live one now, and what the bundle wants by itself."""
    live = seen(view, entry.live)
    least = 1 if entry.scaled and live is not None else entry.size
    return max(least, spec_size(live))


def resized(view: View, entry: ColouredWorkload, size: int) -> tuple[Operation, ...]:
    """Sets the idle colour's size where it is another; () while that cannot be told."""
    look, written = view.look(entry.idle.key), view.written.get(entry.idle.key, {})
    if look is None or look.object is None or look.generation < int(written.get("generation", 0)):
        return ()
    return () if spec_size(look.object) == size else (Scale(entry.idle, size),)


@dataclass(frozen=True)
class HoldStep(ColourStep):
    """Services led to the pods that serve now and to no others, before there are any others."""

    kind: ClassVar[str] = "colour-hold"

    def remember(self, view: View) -> Notes:
        weights = {entry.workload: 0 for entry in self.coloured(view)}
        shares = tuple(Share(name, weight) for name, weight in weights.items())
        return Notes(view.memory, {**view.kept, "weights": weights}, shares)

    def _wanted(self, view: View) -> tuple[Operation, ...]:
        switches = [switch for entry in self.coloured(view) for switch in entry.switches]
        return tuple(
            Lead(switch.route, switch.back, switch.back_selector)
            for switch in switches
            if switch.back_selector is not None
        )

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, self._wanted(view))

    def verdict(self, view: View) -> Judgement:
        led = [name for name, result in view.slot("led").items() if result["there"]]
        return Done(f"held: {', '.join(led)}")


@dataclass(frozen=True)
class DeployStep(WaveStep, ColourStep):
    """The idle colour, as large as the live one, ready within readySeconds."""

    kind: ClassVar[str] = "colour-deploy"

    def operations(self, view: View) -> tuple[Operation, ...]:
        view = self._in_time(view)
        entries = self.coloured(view)
        sized = [operation for entry in entries for operation in self._sized(view, entry)]
        return (*super().operations(view), *read_now(view, tuple(entry.live for entry in entries)), *sized)

    def verdict(self, view: View) -> Judgement:
        view = self._in_time(view)
        judged = super().verdict(view)
        if isinstance(judged, Fail) or view.fully:
            return judged
        short = [words for entry in self.coloured(view) if (words := self._short(view, entry))]
        if isinstance(judged, Done) and short:
            return self._waits(view, "; ".join(short))
        if isinstance(judged, Wait):
            return replace(judged, due_in=min(judged.due_in, LOOK_PAUSE))
        return judged

    def _waits(self, view: View, words: str) -> Judgement:
        if view.spent >= view.facts.progress_seconds:
            return Fail(f"not ready after {view.facts.progress_seconds:.0f} s; {words}")
        return Wait(words, 0.5)

    def _sized(self, view: View, entry: ColouredWorkload) -> tuple[Operation, ...]:
        applied = entry.idle.key in view.slot("applied") and view.read(entry.live.key) is not None
        return resized(view, entry, wanted_size(view, entry)) if applied else ()

    def _short(self, view: View, entry: ColouredWorkload) -> str:
        ready, wanted = ready_pods(seen(view, entry.idle)), wanted_size(view, entry)
        return f"{entry.idle.name}: {ready} of {wanted} pods ready" if ready < wanted else ""

    def _in_time(self, view: View) -> View:
        seconds = parameter(view, "readySeconds", READY_SECONDS)
        return replace(view, facts=replace(view.facts, progress_seconds=seconds))


@dataclass(frozen=True)
class DrainStep(ColourStep):
    """The colour that no longer serves is kept for a while, since nodes and proxies learn late.

    settings: "seconds" since requests were moved, "moved" the name in what is kept of when; without it, of this step.
    """

    kind: ClassVar[str] = "colour-drain"

    def operations(self, view: View) -> tuple[Operation, ...]:  # noqa: ARG002
        return ()

    def verdict(self, view: View) -> Judgement:
        left = float(self.settings["seconds"]) - self._since(view)
        if left <= 0 or view.fully:
            return Done("nothing is sent to it any more")
        return Wait(f"what no longer serves is kept for {left:.0f} s more, since nodes learn of it late", left)

    def _since(self, view: View) -> float:
        name = self.settings.get("moved")
        if not name:
            return view.spent
        moved = view.kept.get(name)
        return view.facts.now - float(moved["at"]) if moved else float(self.settings["seconds"])


@dataclass(frozen=True)
class SettleStep(ColourStep):
    """The size that the bundle wants, once the other colour is not needed any more."""

    kind: ClassVar[str] = "colour-settle"

    def operations(self, view: View) -> tuple[Operation, ...]:
        unseen = tuple(Read(entry.idle) for entry in self._own(view) if view.look(entry.idle.key) is None)
        return unseen or tuple(
            operation
            for entry in self._own(view)
            for operation in resized(view, entry, entry.size)
            if not _done(view, operation)
        )

    def verdict(self, view: View) -> Judgement:  # noqa: ARG002
        return Done("as large as the bundle wants it")

    def _own(self, view: View) -> list[ColouredWorkload]:
        return [entry for entry in self.coloured(view) if not entry.scaled]


def _done(view: View, operation: Operation) -> bool:
    return operation.key in view.slot(operation.slot)


@dataclass(frozen=True)
class GoneStep(ColourStep):
    """No pod of the colour that was taken back is left to serve, before Services lead to all pods again."""

    kind: ClassVar[str] = "colour-gone"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return tuple(self._count(view, entry) for entry in self._left(view) if self._due(view, entry))

    def verdict(self, view: View) -> Judgement:
        left = self._left(view)
        if not left:
            return Done("no pod of it is left")
        words = ", ".join(entry.idle.name for entry in left)
        if view.spent >= view.facts.progress_seconds:
            return Fail(f"the pods of {words} are still there after {view.facts.progress_seconds:.0f} s")
        return Wait(f"the pods of {words} are still there", GONE_PAUSE)

    def _left(self, view: View) -> list[ColouredWorkload]:
        counts = view.slot("pods")
        going = {ref.key for ref, _ in view.work.prune}
        return [e for e in self.coloured(view) if e.idle.key in going and counts.get(e.idle.key, {}).get("count") != 0]

    def _due(self, view: View, entry: ColouredWorkload) -> bool:
        last = view.slot("pods").get(entry.idle.key)
        return last is None or view.facts.now >= last["at"] + GONE_PAUSE

    def _count(self, view: View, entry: ColouredWorkload) -> Operation:
        labels = {**entry.naming.selectors[entry.naming.service], TRACK: entry.naming.colour}
        return CountPods(entry.idle, labelled(labels), view.facts.now)


def drained(work: Work) -> tuple[RolloutStep, ...]:
    """A while before a colour goes whose workload is rolled now: nodes and proxies learn late that it is left."""
    deployments = {target.ref for target in work.targets if target.ref.kind == "Deployment"}
    left = [
        ref
        for ref, _ in work.prune
        if any(in_colour(each, colour) == ref for each in deployments for colour in COLOURS)
    ]
    label = f"Keep {', '.join(ref.name for ref in left)} until nobody asks it"
    return (DrainStep(label[:200], settings={"seconds": ROLLED_DRAIN_SECONDS}),) if left else ()
