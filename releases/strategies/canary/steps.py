"""The steps of a canary's way up: its pods, those who try it first, and one weight after the other. Pure.

Settings of all: `workloads` (names of the plan's traffic entries), `testers`. Of a weight: `weight`, `before`,
`interval` in seconds, `metrics`, `ask` (whether a person is asked at its end).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from environments.kube.traffic import NOBODY, Route, Testers
from portal.steps.operations import Operation
from portal.steps.state import Memory
from portal.steps.step import Notes, undone
from portal.steps.verdicts import HEARTBEAT, Ask, Done, Fail, Judgement, Wait
from releases.engine.facts import Target, View
from releases.engine.operations import Read, Scale
from releases.engine.steps import RolloutStep, read_due
from releases.strategies.canary.weights import Weights, taken_up
from releases.strategies.canary.workloads import (
    CanaryWorkload,
    is_open,
    moved,
    size_of,
    stable_ready,
    stable_size,
    timed_out,
)
from releases.strategies.shared.evidence import Evidence
from releases.strategies.shared.traffic_operations import HoldFloor, ReadWeight
from releases.strategies.shared.waves import (
    Judged,
    WaveStep,
    due_in,
    failure,
    judge_all,
    looks,
    mark_progress,
    reads,
    waiting,
)

READ_STABLE = (5.0,)  # seconds between two looks at the stable workloads where no watch tells of them


class MovesRequests(RolloutStep):
    """What the steps have in common: whose requests they move, and who tries the canary before the others."""

    def moved(self, view: View) -> tuple[CanaryWorkload, ...]:
        return moved(view.work, self.settings["workloads"])

    def testers(self) -> Testers:
        return Testers(**self.settings.get("testers", {}))

    def canaries(self, view: View) -> tuple[Target, ...]:
        keys = {each.canary for each in self.moved(view)}
        return tuple(target for target in view.work.targets if target.key in keys)


@dataclass(frozen=True)
class PodsStep(WaveStep, MovesRequests):
    """The canary's pods come up, after every route was told to send nothing there."""

    kind: ClassVar[str] = "canary-pods"

    def remember(self, view: View) -> Notes:
        """Whose routes are written from here on stands there before the first write: they are to be put at rest."""
        begun = sorted({*view.kept.get("begun", ()), *(each.workload for each in self.moved(view))})
        return replace(super().remember(view), kept={**view.kept, "begun": begun})

    def operations(self, view: View) -> tuple[Operation, ...]:
        weights = self._weights(view)
        if weights.are_met(view):
            return super().operations(view)
        first = undone(view, [ReadWeight(each.route, view.facts.now, others=each.others) for each in self.moved(view)])
        if first or self._left_behind(view):
            return (*first, *reads_of_stable(view, self.moved(view)))
        return (*weights.write(view), *weights.look(view))

    def verdict(self, view: View) -> Judgement:
        weights = self._weights(view)
        if weights.are_met(view):
            return super().verdict(view)
        words = self._left_behind(view) or weights.waits_for(view)
        if timed_out(view):
            return Fail(f"requests could not be kept from the canary: {words}")
        return Wait(f"Before its pods come up: {words}", weights.next_in(view))

    def _left_behind(self, view: View) -> str:
        """Requests that an earlier canary still has, and that stable cannot take yet; "" for none."""
        found = [each for each in self.moved(view) if self._has_requests(view, each)]
        words = (
            f"{each.workload}: an earlier canary still has requests, and {stable_ready(view, each)} of "
            f"{stable_size(view, each)} stable pods can take them"
            for each in found
            if stable_ready(view, each) < stable_size(view, each)
        )
        return "; ".join(words)

    def _has_requests(self, view: View, each: CanaryWorkload) -> bool:
        seen = view.slot("seen").get(each.workload)
        return bool(seen and seen["weight"] > 0 and not view.slot("weighed").get(each.workload))

    def _weights(self, view: View) -> Weights:
        return Weights(self.moved(view), 0, NOBODY)


@dataclass(frozen=True)
class TestersStep(MovesRequests):
    """Those with a header or a cookie see the canary, nobody else; a person says when they are content."""

    kind: ClassVar[str] = "canary-testers"
    returns: ClassVar[bool] = True

    def remember(self, view: View) -> Notes:
        released = view.memory.get("released") or view.answered
        return Notes({**view.memory, "released": bool(released)}, view.kept)

    def operations(self, view: View) -> tuple[Operation, ...]:
        if view.fully:
            return ()
        weights = self._weights(view)
        return () if weights.are_met(view) else (*weights.write(view), *weights.look(view))

    def verdict(self, view: View) -> Judgement:
        if view.promoted or view.memory.get("released"):
            return Done("the testers are content")
        weights = self._weights(view)
        if weights.are_met(view):
            return Ask(f"{self._who()} get {_version(view)}, and nobody else does{self._but(view)}. Are they content?")
        if timed_out(view):
            return Fail(weights.waits_for(view))
        return Wait(weights.waits_for(view), weights.next_in(view))

    def _weights(self, view: View) -> Weights:
        return Weights(self.moved(view), 0, self.testers())

    def _but(self, view: View) -> str:
        """Services that have to lead to the canary so that testers get there."""
        open_to_all = [route.service for each in self.moved(view) for route in each.routes if is_open(route)]
        return f", but who calls {', '.join(open_to_all)} past its routes, by pods" if open_to_all else ""

    def _who(self) -> str:
        testers = self.testers()
        header = f"the header {testers.header}: {testers.header_value}" if testers.header else ""
        cookie = f"the cookie {testers.cookie}=always" if testers.cookie else ""
        return f"Requests with {' or '.join(filter(None, (header, cookie)))}"


@dataclass(frozen=True)
class WeightStep(MovesRequests):
    """The canary as large as its share needs, the weight set and read back, and held while it is measured."""

    kind: ClassVar[str] = "canary-weight"
    guards: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    def remember(self, view: View) -> Notes:
        memory = mark_progress(view, judge_all(view, self.canaries(view)))
        evidence = self._evidence(replace(view, memory=memory))
        if view.answered:
            memory = {**taken_up(evidence.taken_up(memory)), "released": memory.get("content", False)}
        memory, measured = evidence.taken_in(memory, view.facts.now)
        memory, kept = self._set(replace(view, memory=memory))
        content = self._is_content(replace(view, memory=memory, kept=kept))
        return Notes({**memory, "content": content}, kept, measured)

    def _set(self, view: View) -> tuple[Memory, Mapping[str, Any]]:
        """Memory and what is kept, with who else moves requests, and since when the weight is taken up."""
        weights = self._weights(view)
        memory = weights.with_changes(view)
        if memory.get("since") is not None or not weights.are_met(replace(view, memory=memory)):
            return memory, view.kept
        return {**memory, "since": view.facts.now}, self._begun(view)

    def operations(self, view: View) -> tuple[Operation, ...]:
        if self._is_skipped(view):
            return ()
        sized = (*reads_of_stable(view, self.moved(view)), *self._floors(view), *self._sizes(view))
        judged = judge_all(view, self.canaries(view))
        pods = (*reads(view, judged), *looks(view, judged))
        if sized or not self._may_move(view, judged):
            return (*sized, *pods)
        weights = self._weights(view)
        if weights.dispute(view):
            return pods
        return (*pods, *weights.write(view), *weights.look(view), *self._evidence(view).due(view))

    def guard(self, view: View) -> tuple[Operation, ...]:
        if self._is_skipped(view):
            return ()
        return (*self._weights(view).look(view), *self._evidence(view).due(view))

    def standing(self, view: View) -> str:
        if view.memory.get("since") is None:
            return ""
        return self._seen(view, self._evidence(view), self._weights(view))

    def alarm(self, view: View) -> Fail | None:
        outcome = self._evidence(view).outcome(view.memory)
        return Fail(outcome.words) if outcome.way == "fail" and not view.fully else None

    def verdict(self, view: View) -> Judgement:
        if self._is_skipped(view):
            return Done("skipped: somebody has promoted it fully")
        if alarm := self.alarm(view):
            return alarm
        judged = judge_all(view, self.canaries(view))
        if words := failure(view, judged):
            return Fail(words)
        weights = self._weights(view)
        if words := weights.dispute(view):
            return Ask(words)
        if view.memory.get("since") is None:
            return self._setting(view, judged, weights)
        return self._holding(view, weights)

    def _setting(self, view: View, judged: list[Judged], weights: Weights) -> Judgement:
        ready = self._may_move(view, judged)
        words = f"{weights.waits_for(view)}" if ready else waiting(view, judged)
        if timed_out(view):
            return Fail(f"{self._weight} % not reached after {view.facts.progress_seconds:.0f} s; {words}")
        pause = weights.next_in(view) if ready else due_in(view, judged)
        return Wait(f"Before {self._to(view)}: {words}", pause)

    def _holding(self, view: View, weights: Weights) -> Judgement:
        evidence = self._evidence(view)
        outcome, seen = evidence.outcome(view.memory), self._seen(view, evidence, weights)
        if view.fully:
            return Done(f"{seen}; promoted fully by a person")
        if outcome.way in ("ask", "error-limit"):
            return Ask(f"{self._to(view)}: {outcome.words}")
        if not weights.are_met(view):
            return Wait(f"{seen}; {weights.waits_for(view)}", weights.next_in(view))
        if view.promoted:
            return self._promoted(view, evidence, seen)
        if self._left(view) > 0 or outcome.way == "wait":
            return self._wait(view, evidence, weights, seen)
        if self.settings.get("ask") and not view.memory.get("released"):
            return Ask(f"{self._to(view)} has passed. A person says how it goes on from here.")
        return Done(seen)

    def _promoted(self, view: View, evidence: Evidence, seen: str) -> Judgement:
        if evidence.has_passed_once(view.memory):
            return Done(f"{seen}; promoted by a person")
        pause = evidence.next_in(view) or HEARTBEAT
        return Wait(f"{seen}; promoted by a person: each metric has to pass once, next in {pause:.0f} s", pause)

    def _wait(self, view: View, evidence: Evidence, weights: Weights, seen: str) -> Judgement:
        left, next_look = self._left(view), evidence.next_in(view)
        pause = next_look if next_look is not None else left
        pauses = [each for each in (next_look, weights.next_in(view), left) if each is not None and each > 0]
        return Wait(f"{seen}; next in {max(pause, 0):.0f} s", max(0.05, min(pauses, default=0.05)))

    def _seen(self, view: View, evidence: Evidence, weights: Weights) -> str:
        held = view.facts.now - float(view.memory["since"])
        told = evidence.words(view.memory) or f"held for {held:.0f} of {self._interval:.0f} s, nothing is measured"
        shares, changed = weights.shares(view), weights.told(view)
        words = f"{self._to(view)}{f' ({shares})' if shares else ''}: {told}"
        return f"{words}. {changed}" if changed else words

    @property
    def _weight(self) -> int:
        return int(self.settings["weight"])

    @property
    def _interval(self) -> float:
        return float(self.settings["interval"])

    def _to(self, view: View) -> str:
        return f"{self._weight} % to {_version(view)}"

    def _is_skipped(self, view: View) -> bool:
        """Promoted fully, only the last weight is still set: the canary takes everything over while stable rolls."""
        return view.fully and not self.settings.get("last")

    def _is_content(self, view: View) -> bool:
        """Whether the step has all that it wants, and could go on if nobody had asked to be asked."""
        outcome = self._evidence(view).outcome(view.memory)
        return self._left(view) <= 0 and outcome.way == "go" and not self._weights(view).dispute(view)

    def _left(self, view: View) -> float:
        """Seconds that the weight is still to be held."""
        since = view.memory.get("since")
        return self._interval if since is None else float(since) + self._interval - view.facts.now

    def _weights(self, view: View) -> Weights:
        return Weights(self.moved(view), self._weight, self.testers())

    def _evidence(self, view: View) -> Evidence:
        routes = [each.route for each in self.moved(view)]
        began = max((_began(view, each) for each in routes), default=0.0)
        return Evidence.of(self.settings, routes, self._weight, view.memory.get("since"), began or None)

    def _begun(self, view: View) -> Mapping[str, Any]:
        """With when the version got its first requests, for the steps that follow as well."""
        now = {each.workload: {"at": view.facts.now} for each in self.moved(view)}
        return {**view.kept, "began": now | view.kept.get("began", {})}

    def _may_move(self, view: View, judged: list[Judged]) -> bool:
        """Whether the canary can take its share; once it has it, that is the measurements' business."""
        return view.memory.get("since") is not None or all(verdict.state == "done" for _, verdict in judged)

    def _sizes(self, view: View) -> tuple[Operation, ...]:
        return tuple(operation for each in self.moved(view) if (operation := self._size(view, each)))

    def _size(self, view: View, each: CanaryWorkload) -> Scale | None:
        """More pods for the canary where its share of stable's size needs them; never fewer than it has."""
        target = view.work.target(each.canary)
        if target is None:
            return None
        needed = each.needs(self._weight, stable_size(view, each))
        scaled = view.slot("scaled").get(each.canary)
        if scaled:
            return Scale(target.ref, needed) if needed > int(scaled["replicas"]) else None
        return Scale(target.ref, max(needed, size_of(view, each.canary, 0)))

    def _floors(self, view: View) -> tuple[Operation, ...]:
        """The autoscaler of a workload that requests leave keeps what it has, so that they can come back at once."""
        return tuple(
            HoldFloor(each.scaler, size)
            for each in self.moved(view)
            if each.scaler and (size := stable_size(view, each)) > self._held(view, each)
        )

    def _held(self, view: View, each: CanaryWorkload) -> int:
        assert each.scaler
        found: dict[str, Any] = view.slot("held").get(each.scaler.key) or {}
        return int(found.get("asked", 0))


def reads_of_stable(view: View, moved: Iterable[CanaryWorkload]) -> tuple[Operation, ...]:
    """The looks at the stable workloads that are due where no watch tells of them."""
    if view.facts.watching:
        return ()
    found = (view.work.target(each.key) for each in moved)
    return tuple(Read(target.ref) for target in found if target and read_due(view, target, READ_STABLE))


def _began(view: View, route: Route) -> float:
    return float(view.kept.get("began", {}).get(route.workload, {"at": 0.0})["at"])


def _version(view: View) -> str:
    return view.work.version or "the new version"
