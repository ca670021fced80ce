"""The first step of the way back: the colour that served before is up, and requests are led to it at once. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from portal.steps.operations import Operation
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import View
from releases.engine.operations import Apply, Scale
from releases.strategies.blue_green.deploy import READY_SECONDS, ColourStep, read_now
from releases.strategies.blue_green.preview_checks import count_now, endpoints
from releases.strategies.blue_green.switch import leads, moved
from releases.strategies.blue_green.workloads import ColouredWorkload, ready_pods, seen, spec_size
from releases.strategies.shared.waves import parameter

PAUSE = 0.5
LED_SECONDS = 30.0


@dataclass(frozen=True)
class SwitchBackStep(ColourStep):
    """Requests back to the colour that served before; where it is gone or too small it is brought up first.

    `objects`: what its pods need, in case that it is gone: definitions, configuration and Services of others.
    """

    kind: ClassVar[str] = "colour-return"

    def remember(self, view: View) -> Notes:
        notes = view.notes
        for entry in self.coloured(view):
            if self._is_led(view, entry) and entry.workload not in view.slot("moved"):
                notes = moved(view, notes, entry, "returned", 0)
        return notes

    def operations(self, view: View) -> tuple[Operation, ...]:
        entries = self.coloured(view)
        looks = read_now(view, tuple(entry.live for entry in entries), PAUSE)
        unseen = [operation for operation in looks if view.read(operation.key) is None]
        if unseen:
            return tuple(unseen)
        led = [lead for entry in entries if self._may_lead(view, entry) for lead in leads(entry, back=True)]
        if left := undone(view, led):
            return left
        return (*self._brought_up(view), *(each for each in looks if self._is_awaited(view, each)), *self._counts(view))

    def verdict(self, view: View) -> Judgement:
        waiting = [entry for entry in self.coloured(view) if not self._is_led(view, entry)]
        if waiting:
            return self._waits(view, waiting)
        mixed = [entry for entry in self.coloured(view) if not self._is_alone(view, entry)]
        if mixed and view.spent < LED_SECONDS:
            names = ", ".join(entry.workload for entry in mixed)
            return Wait(f"requests of {names} are led back; endpoints still change", 0.2)
        return Done("; ".join(f"{entry.workload}: {entry.live.name} serves" for entry in self.coloured(view)))

    def _waits(self, view: View, waiting: Sequence[ColouredWorkload]) -> Judgement:
        words = "; ".join(
            f"{entry.live.name}: {ready_pods(seen(view, entry.live))} of {self._needed(view, entry)} pods ready"
            for entry in waiting
        )
        seconds = parameter(view, "readySeconds", READY_SECONDS)
        if view.spent >= seconds:
            return Fail(f"what ran before is not up again after {seconds:.0f} s, so requests stay: {words}")
        return Wait(words, PAUSE)

    def _may_lead(self, view: View, entry: ColouredWorkload) -> bool:
        """Whether what served before can take all requests. Where they were never moved it has them anyway."""
        if self._serves_still(view, entry) or view.fully:
            return seen(view, entry.live) is not None
        return seen(view, entry.live) is not None and ready_pods(seen(view, entry.live)) >= self._needed(view, entry)

    def _serves_still(self, view: View, entry: ColouredWorkload) -> bool:
        return not view.kept.get("weights", {}).get(entry.workload)

    def _needed(self, view: View, entry: ColouredWorkload) -> int:
        kept = int(view.kept.get("sizes", {}).get(entry.workload, 1))
        serving = spec_size(seen(view, entry.idle)) if self._is_gone(view, entry) else 0
        return max(1, kept, serving)

    def _is_gone(self, view: View, entry: ColouredWorkload) -> bool:
        return seen(view, entry.live) is None or entry.live.key in view.slot("applied")

    def _is_led(self, view: View, entry: ColouredWorkload) -> bool:
        return not undone(view, leads(entry, back=True))

    def _is_alone(self, view: View, entry: ColouredWorkload) -> bool:
        ready = endpoints(view, entry.service)
        return bool(ready) and entry.naming.colour not in ready

    def _is_awaited(self, view: View, operation: Operation) -> bool:
        return any(operation.key == e.live.key and not self._is_led(view, e) for e in self.coloured(view))

    def _counts(self, view: View) -> tuple[Operation, ...]:
        led = [entry for entry in self.coloured(view) if self._is_led(view, entry)]
        mixed = [entry for entry in led if not self._is_alone(view, entry)]
        return tuple(operation for entry in mixed for operation in count_now(view, entry.service, 0.2))

    def _brought_up(self, view: View) -> tuple[Operation, ...]:
        low = [e for e in self.coloured(view) if not self._is_led(view, e) and not self._may_lead(view, e)]
        gone = [target for e in low if self._is_gone(view, e) and (target := view.work.target(e.live.key))]
        if gone and (first := self._needs(view, [entry for entry in low if self._is_gone(view, entry)])):
            return first
        applied = undone(view, [Apply(target.ref, target.index) for target in gone])
        return applied or tuple(operation for entry in low for operation in self._grown(view, entry))

    def _needs(self, view: View, entries: Sequence[ColouredWorkload]) -> tuple[Operation, ...]:
        """What has to be there first: the objects of each stage together, and how large the other colour is."""
        sizes = read_now(view, tuple(entry.idle for entry in entries), 1e9)
        stages = [[t for t in self.targets(view) if t.stage == stage] for stage in ("definitions", "configuration")]
        stages.append([t for t in self.targets(view) if t.stage == "services"])
        for stage in stages:
            if left := undone(view, [Apply(target.ref, target.index) for target in stage]):
                return (*sizes, *left)
        return sizes

    def _grown(self, view: View, entry: ColouredWorkload) -> tuple[Operation, ...]:
        found, size = seen(view, entry.live), self._needed(view, entry)
        if found is None or spec_size(found) >= size:
            return ()
        scaled = view.slot("scaled").get(entry.live.key)
        return () if scaled and scaled["replicas"] >= size else (Scale(entry.live, size),)
