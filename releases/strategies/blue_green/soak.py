"""The new colour under all requests, looked after for a while, with the other one held as large as it was. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from portal.steps.operations import Operation
from portal.steps.state import Memory
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Ask, Done, Fail, Judgement, Wait
from releases.engine.facts import View
from releases.engine.operations import CountRestarts, RecountRestarts, Scale
from releases.strategies.blue_green.deploy import ColourStep, read_now
from releases.strategies.blue_green.watch_traffic import Watch, taken_up
from releases.strategies.blue_green.workloads import ColouredWorkload, ready_pods, seen, spec_size
from releases.strategies.shared.evidence import Evidence
from releases.strategies.shared.waves import FATAL_GRACE, parameter

SOAK_SECONDS = 300.0
LOOK_PAUSE = 2.0
HELD_PAUSE = 5.0
RECOUNT_PAUSE = 10.0


@dataclass(frozen=True)
class SoakStep(ColourStep):
    """soakSeconds of requests without a bad sign. Time in which nobody looked does not count.

    Signs are the metrics of settings["metrics"], restarts of containers, and pods that are not ready.
    """

    kind: ClassVar[str] = "colour-soak"
    guards: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    def remember(self, view: View) -> Notes:
        memory = {**view.memory, "began": view.memory.get("began") or {"at": view.facts.now}}
        evidence = self._evidence(replace(view, memory=memory))
        if view.answered:
            memory = taken_up(evidence.taken_up(memory))
        memory, measured = evidence.taken_in(memory, view.facts.now)
        return Notes(self._short(view, _restarts(view, memory)), view.kept, measured)

    def operations(self, view: View) -> tuple[Operation, ...]:
        return (*self.guard(view), *self._watch(view).operations(view), *self._held(view))

    def guard(self, view: View) -> tuple[Operation, ...]:
        if view.fully:
            return ()
        entries = self.coloured(view)
        looks = read_now(view, tuple(entry.idle for entry in entries), LOOK_PAUSE)
        lives = read_now(view, tuple(entry.live for entry in entries), HELD_PAUSE)
        return (*self._evidence(view).due(view), *looks, *lives, *self._counts(view))

    def _watch(self, view: View) -> Watch:
        return Watch.of(() if view.fully else self.coloured(view))

    def alarm(self, view: View) -> Fail | None:
        if view.fully:
            return None
        if signs := [words for entry in self.coloured(view) if (words := self._sign(view, entry))]:
            return Fail("; ".join(signs), back=True)
        outcome = self._evidence(view).outcome(view.memory)
        return Fail(outcome.words, back=True) if outcome.way == "fail" else None

    def verdict(self, view: View) -> Judgement:
        if alarm := self.alarm(view):
            return alarm
        if view.fully:
            return Done("the rest of the soak is skipped, since somebody said so")
        if elsewhere := self._watch(view).elsewhere(view):
            return Ask(elsewhere)
        evidence = self._evidence(view)
        outcome = evidence.outcome(view.memory)
        if outcome.way in ("ask", "error-limit"):
            return Ask(outcome.words)
        left = self._left(view)
        measured = not evidence.metrics or outcome.way == "go" or evidence.has_passed_once(view.memory)
        if left <= 0 and measured:
            return Done(self._told(view, "nothing bad was seen"))
        next_in = evidence.next_in(view)
        pause = min(LOOK_PAUSE, *([left] if left > 0 else []), *([next_in] if next_in is not None else []))
        waits = f"{left:.0f} s of the soak are left" if left > 0 else "waits for the first measurement that passes"
        return Wait(self._told(view, waits), max(pause, 0.05))

    def _left(self, view: View) -> float:
        return 0.0 if view.promoted else parameter(view, "soakSeconds", SOAK_SECONDS) - view.spent

    def _told(self, view: View, words: str) -> str:
        measured = self._evidence(view).words(view.memory)
        pods = _all_pods(view, self.coloured(view))
        return "; ".join(filter(None, [words, measured, pods]))

    def _evidence(self, view: View) -> Evidence:
        began = (view.memory.get("began") or {}).get("at")
        routes = [replace(entry.route, canary=entry.idle.name) for entry in self.coloured(view)]
        return Evidence.of({**self.settings, "alone": True}, routes, 100, began)

    def _counts(self, view: View) -> tuple[Operation, ...]:
        entries = self.coloured(view)
        if first := undone(view, [CountRestarts(entry.idle) for entry in entries]):
            return first
        counted = (view.memory.get("counted") or view.memory["began"])["at"]
        due = view.facts.now >= counted + RECOUNT_PAUSE
        return undone(view, [RecountRestarts(entry.idle) for entry in entries]) if due else ()

    def _held(self, view: View) -> tuple[Operation, ...]:
        """The colour that served, scaled up again where somebody made it smaller: the way back is to be short."""
        sizes = view.kept.get("sizes", {})
        scaled = view.slot("scaled")
        found = [
            (entry.live, seen(view, entry.live), int(sizes.get(entry.workload, 0))) for entry in self.coloured(view)
        ]
        return tuple(
            Scale(ref, size)
            for ref, live, size in found
            if live and spec_size(live) < size and not _is_older(live, scaled.get(ref.key))
        )

    def _short(self, view: View, memory: Memory) -> Memory:
        """The memory with the time since when a workload has fewer pods than took the requests over."""
        before, sizes = memory.get("short") or {}, view.kept.get("sizes", {})
        found = [(e, obj) for e in self.coloured(view) if (obj := seen(view, e.idle))]
        missing = [
            e for e, obj in found if ready_pods(obj) < min(spec_size(obj), int(sizes.get(e.workload, spec_size(obj))))
        ]
        return {**memory, "short": {e.workload: before.get(e.workload) or {"at": view.facts.now} for e in missing}}

    def _sign(self, view: View, entry: ColouredWorkload) -> str:
        name, look = entry.idle.name, view.look(entry.idle.key)
        if look is not None and look.object is None:
            return f"{name} is gone: somebody has deleted it"
        if crashed := int((view.memory.get("crashed") or {}).get(entry.idle.key, 0)):
            return f"{name}: containers were restarted {crashed} times since it serves"
        if look is not None and not ready_pods(look.object) and spec_size(look.object):
            return f"{name}: not one pod is ready"
        since = (view.memory.get("short") or {}).get(entry.workload)
        grace = parameter(view, "fatalGraceSeconds", FATAL_GRACE)
        if since and view.facts.now >= since["at"] + grace:
            return f"{_pods(view, entry)} for {grace:.0f} s"
        return ""


def _is_older(look: Mapping[str, Any], scaled: Mapping[str, Any] | None) -> bool:
    """Whether an object was looked at before it was scaled."""
    return scaled is not None and int(look["metadata"].get("generation") or 0) < int(scaled["generation"])


def _all_pods(view: View, entries: Sequence[ColouredWorkload]) -> str:
    """The workloads that lack pods; where none does, all of them in one."""
    found = [obj for entry in entries if (obj := seen(view, entry.idle))]
    lacking = [entry for entry in entries if (obj := seen(view, entry.idle)) and ready_pods(obj) < spec_size(obj)]
    if lacking or len(entries) == 1:
        return ", ".join(_pods(view, entry) for entry in lacking or entries)
    return f"all {sum(map(ready_pods, found))} pods of {len(entries)} workloads ready" if found else ""


def _pods(view: View, entry: ColouredWorkload) -> str:
    found = seen(view, entry.idle)
    return f"{entry.idle.name}: {ready_pods(found)} of {spec_size(found)} pods ready" if found else ""


def _restarts(view: View, memory: Memory) -> Memory:
    """The memory with how many restarts were counted since the first count, of pods that are still there."""
    again = memory.get("recounted") or {}
    if not again:
        return memory
    first = memory.get("restarts") or {}
    crashed = {key: max(0, found["count"] - first.get(key, found)["count"]) for key, found in again.items()}
    lower = {key: min(first.get(key, found), found, key=lambda each: each["count"]) for key, found in again.items()}
    counted = {"at": view.facts.now}
    return {**memory, "recounted": {}, "restarts": {**first, **lower}, "crashed": crashed, "counted": counted}
