"""The steps by which requests come back to stable, on the way forward and on the way back. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

from environments.kube.traffic import NOBODY
from portal.steps.operations import Operation
from portal.steps.step import undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import Target, View
from releases.engine.operations import Apply, Read, Scale
from releases.engine.steps import read_due
from releases.strategies.canary.steps import MovesRequests
from releases.strategies.canary.weights import LOOK_SOON, Weights
from releases.strategies.canary.workloads import CanaryWorkload, stable_ready, stable_size, timed_out
from releases.strategies.shared.traffic_operations import ClearRoute, ReadWeight, ReleaseFloor, SetWeight
from releases.strategies.shared.waves import WaveStep

TAKEN_UP = 10.0  # seconds within which a router usually takes a route up


@dataclass(frozen=True)
class OffStep(MovesRequests):
    """All requests off the canary, at once: the stable version of those workloads was never touched.

    Where the rollout has written stable already, its requests stay until stable is back.
    """

    kind: ClassVar[str] = "canary-off"

    def operations(self, view: View) -> tuple[Operation, ...]:
        weights = self._weights(view)
        moves = () if self._is_off(view, weights) else (*weights.write(view), *weights.look(view))
        return (*moves, *undone(view, self._sizes(view)))

    def _sizes(self, view: View) -> list[Scale]:
        """Stable as large as it was when it was planned, where somebody has made it smaller meanwhile."""
        found = ((each, view.work.target(each.key)) for each in self._weights(view).moved if not each.scaler)
        return [Scale(t.ref, each.replicas) for each, t in found if t and stable_size(view, each) < each.replicas]

    def verdict(self, view: View) -> Judgement:
        weights = self._weights(view)
        if self._is_off(view, weights):
            return Done(self._done(view))
        if timed_out(view):
            return Fail(weights.waits_for(view))
        return Wait(weights.waits_for(view), weights.next_in(view))

    def _weights(self, view: View) -> Weights:
        taken = tuple(each for each in self.moved(view) if began(view, each) and each.key not in view.written)
        return Weights(taken, 0, NOBODY)

    def _is_off(self, view: View, weights: Weights) -> bool:
        """A router that does not take it up, for whatever else is wrong with the route, holds nothing up for long."""
        return weights.are_met(view) or (view.spent >= TAKEN_UP and weights.are_stored(view))

    def _done(self, view: View) -> str:
        later = [each.workload for each in self.moved(view) if each.key in view.written]
        off = [each.workload for each in self._weights(view).moved]
        told = [f"0 % read back for {', '.join(off)}" if off else "no requests had been moved"]
        if later:
            told = [*told[: bool(off)], f"{', '.join(later)}: once stable is back"]
        return "; ".join(told)


@dataclass(frozen=True)
class ReturnToStableStep(MovesRequests):
    """Requests go back to stable as fast as its ready pods can take them."""

    kind: ClassVar[str] = "canary-return"

    def operations(self, view: View) -> tuple[Operation, ...]:
        unread = undone(
            view, [ReadWeight(each.route, view.facts.now, others=each.others) for each in self._returning(view)]
        )
        if unread:
            return (*self._reads(view), *unread)
        moves = tuple(operation for each in self._returning(view) if (operation := self._move(view, each)))
        return (*self._reads(view), *moves)

    def verdict(self, view: View) -> Judgement:
        left = [each for each in self._returning(view) if not self._is_back(view, each)]
        if not left:
            return Done(
                "; ".join(f"{each.workload}: all on stable" for each in self._returning(view)) or "nothing moved"
            )
        words = "; ".join(self._told(view, each) for each in left)
        return Fail(words) if timed_out(view) else Wait(words, LOOK_SOON)

    def _returning(self, view: View) -> tuple[CanaryWorkload, ...]:
        """Those whose stable side the rollout has written: the others' requests came back at once."""
        return tuple(each for each in self.moved(view) if began(view, each) and each.key in view.written)

    def _move(self, view: View, each: CanaryWorkload) -> SetWeight | None:
        weight = self._weight(view, each)
        written = view.slot("weighed").get(each.workload)
        if not written and self._is_back(view, each):
            return None
        if written and written["wanted"] <= weight and (_is_settled(each, written) or not _is_due(view, written["at"])):
            return None
        return SetWeight(each.route, view.facts.now, weight, NOBODY, others=each.others)

    def _weight(self, view: View, each: CanaryWorkload) -> int:
        """What the canary keeps: the part that stable's ready pods cannot take yet. It never rises."""
        wanted = _serving(view, each)
        missing = max(0, wanted - stable_ready(view, each))
        keeps = ceil(100 * missing / wanted) if wanted else 0
        written = view.slot("weighed").get(each.workload)
        has = written["wanted"] if written else view.slot("seen")[each.workload]["weight"]
        return max(0, min(keeps, int(has)))

    def _is_back(self, view: View, each: CanaryWorkload) -> bool:
        found, seen = view.slot("weighed").get(each.workload), view.slot("seen").get(each.workload)
        if found is None:
            return bool(seen and seen["weight"] == 0)
        return bool(found["wanted"] == 0 and _is_settled(each, found))

    def _told(self, view: View, each: CanaryWorkload) -> str:
        ready, wanted = stable_ready(view, each), _serving(view, each)
        found = view.slot("weighed").get(each.workload) or {}
        still = f", {found['weight']} % still on the canary" if found.get("weight", 0) > 0 else ""
        return f"{each.workload}: {ready} of {wanted} stable pods can take requests{still}"

    def _reads(self, view: View) -> tuple[Operation, ...]:
        found = (view.work.target(each.key) for each in self._returning(view))
        unwatched = not view.facts.watching
        return tuple(Read(t.ref) for t in found if t and (unwatched or not view.look(t.key)) and read_due(view, t))


@dataclass(frozen=True)
class ClearStep(MovesRequests):
    """Routes as they are at rest, without what was only there for the canary. `soft`: as far as it goes by now."""

    kind: ClassVar[str] = "canary-clear"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return tuple(
            ClearRoute(each.route, view.facts.now, others=each.others)
            for each in self._clearing(view)
            if (found := view.slot("cleared").get(each.workload)) is None
            or (not self._is_enough(found) and _is_due(view, found["at"]))
        )

    def verdict(self, view: View) -> Judgement:
        left = [
            found["why"] or f"{each.moved_text} is not at rest yet"
            for each in self._clearing(view)
            if (found := view.slot("cleared").get(each.workload)) and not self._is_enough(found)
        ]
        if not left:
            return Done(f"{len(self._clearing(view))} at rest")
        return Fail("; ".join(left)) if timed_out(view) else Wait("; ".join(left), LOOK_SOON)

    def _clearing(self, view: View) -> tuple[CanaryWorkload, ...]:
        soft = bool(self.settings.get("soft"))
        # While a canary's pods are there, a plain Service keeps them out by its selector alone.
        return tuple(each for each in self.moved(view) if began(view, each) and not (soft and each.coarse))

    def _is_enough(self, found: dict[str, object]) -> bool:
        return bool(self.settings.get("soft") or found["accepted"])


@dataclass(frozen=True)
class FloorsStep(MovesRequests):
    """Autoscalers get the minimum back that they had before requests left what they scale."""

    kind: ClassVar[str] = "canary-floors"

    def _wanted(self, view: View) -> tuple[Operation, ...]:
        return tuple(ReleaseFloor(each.scaler) for each in self.moved(view) if each.scaler)

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, self._wanted(view))

    def verdict(self, view: View) -> Judgement:
        left = undone(view, self._wanted(view))
        if left:
            return Wait(f"{len(left)} autoscalers to be given their minimum back", LOOK_SOON)
        return Done("autoscalers are free to scale down again")


@dataclass(frozen=True)
class RestoreStableStep(WaveStep, MovesRequests):
    """A wave of a way back, without the stable workloads that the rollout never wrote: they run as they did."""

    kind: ClassVar[str] = "canary-restore"

    def targets(self, view: View) -> tuple[Target, ...]:
        return tuple(target for target in super().targets(view) if not self._is_untouched(view, target))

    def wanted(self, view: View) -> tuple[Operation, ...]:
        return tuple(Apply(target.ref, target.index) for target in self.targets(view))

    def _is_untouched(self, view: View, target: Target) -> bool:
        return target.key not in view.written and target.key in keys(self.moved(view))


def began(view: View, each: CanaryWorkload) -> bool:
    """Whether the canary of a workload was ever begun: before that there is nothing to come back."""
    return each.canary in view.written or each.workload in view.kept.get("begun", ())


def keys(moved: Iterable[CanaryWorkload]) -> frozenset[str]:
    return frozenset(each.key for each in moved)


def _serving(view: View, each: CanaryWorkload) -> int:
    """How many pods of stable are to take the requests: none where it is to have none, whoever else took them away."""
    if size := stable_size(view, each):
        return size
    target = view.work.target(each.key)
    wanted = target.manifest["spec"].get("replicas", 1) if target else each.replicas
    return 0 if each.scaler else int(wanted)


def _is_settled(each: CanaryWorkload, found: Mapping[str, Any]) -> bool:
    """Whether what was read back after a write is what was written; shares by pods follow a little later."""
    by_pods = each.coarse and found["wanted"] > 0
    return bool(found["accepted"] and (by_pods or found["weight"] <= found["wanted"]))


def _is_due(view: View, at: float) -> bool:
    return view.facts.now >= at + LOOK_SOON
