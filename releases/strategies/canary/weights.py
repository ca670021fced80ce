"""Whether requests go where the step has sent them, and what to do where somebody else has moved them. Pure.

In a step's memory: `weighed` has what was written and read back, by workload, `seen` the newest look, `changed` how
often somebody else was found to have moved them, and who.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environments.kube.traffic import Testers
from portal.steps.operations import Operation
from portal.steps.state import Memory
from releases.engine.facts import View
from releases.strategies.canary.workloads import CanaryWorkload
from releases.strategies.shared.traffic_operations import ReadWeight, SetWeight

LOOK_EVERY = 5.0  # seconds between two looks at weights that nobody should change
LOOK_SOON = 0.3  # while a router takes its time to take them up
MAY_CHANGE = 1
"""How often a weight that somebody else has set is put right before a person is asked."""


@dataclass(frozen=True)
class Weights:
    """`weight` % for the canary of each workload, and those let in before by a header or a cookie."""

    moved: tuple[CanaryWorkload, ...]
    weight: int
    testers: Testers

    def write(self, view: View) -> tuple[Operation, ...]:
        """What is not written yet in this step, and what has to be put right."""
        return tuple(
            SetWeight(each.route, view.facts.now, self.weight, self.testers, others=each.others)
            for each in self.moved
            if self._written(view, each) is None or self._to_put_right(view, each)
        )

    def look(self, view: View) -> tuple[Operation, ...]:
        """The looks that are due at what is written."""
        return tuple(
            ReadWeight(each.route, view.facts.now, others=each.others)
            for each in self.moved
            if (found := self._newest(view, each)) is not None
            and view.facts.now >= found["at"] + (LOOK_EVERY if self._is_met(each, found) else LOOK_SOON)
        )

    def next_in(self, view: View) -> float:
        """Seconds until the next look."""
        found = [newest for each in self.moved if (newest := self._newest(view, each))]
        pause = LOOK_EVERY if self.are_met(view) else LOOK_SOON
        return max(0.05, min([each["at"] + pause for each in found], default=view.facts.now) - view.facts.now)

    def are_met(self, view: View) -> bool:
        """Whether every route has the weight, and its router has taken it up."""
        newest = [(each, self._newest(view, each)) for each in self.moved]
        return all(found is not None and self._is_met(each, found) for each, found in newest)

    def are_stored(self, view: View) -> bool:
        """Whether every route has the weight, taken up or not."""
        newest = [(each, self._newest(view, each)) for each in self.moved]
        return all(found is not None and self._is_met(each, {**found, "accepted": True}) for each, found in newest)

    def waits_for(self, view: View) -> str:
        """What the routes wait for, in words."""
        words = []
        for each in self.moved:
            found = self._newest(view, each)
            if found is None:
                words.append(f"{each.moved_text}: not written yet")
            elif not self._is_met(each, found):
                words.append(f"{_where(found, each)}: {found['why'] or self._read(found)}")
        return "; ".join(words)

    def with_changes(self, view: View) -> Memory:
        """The memory with every change by somebody else counted, once a look."""
        changed = dict(view.slot("changed"))
        for each in self.moved:
            seen, written = view.slot("seen").get(each.workload), self._written(view, each)
            if seen is None or written is None or seen["at"] <= written["at"] or not self._is_moved(each, seen):
                continue
            before = changed.get(each.workload) or {"times": 0, "at": 0.0}
            if seen["at"] > before["at"]:
                who = {name: seen[name] for name in ("manager", "weight", "where", "at") if name in seen}
                # A change that a person has not answered yet is one change, however often it is seen.
                again = before["at"] > written["at"]
                changed[each.workload] = {**who, "times": before["times"] + (0 if again else 1)}
        return {**view.memory, "changed": changed} if changed else view.memory

    def dispute(self, view: View) -> str:
        """Who changes weights again after they were put right; "" for nobody."""
        words = [
            f"{_where(found, each)} has {_weight(found)} instead of {self.weight} %, for the "
            f"{_ordinal(found['times'])} time; the field manager is {found['manager'] or 'not known'}."
            for each in self.moved
            if (found := view.slot("changed").get(each.workload)) and found["times"] > MAY_CHANGE
        ]
        return " ".join(words)

    def told(self, view: View) -> str:
        """The changes that were put right, in words."""
        return " ".join(
            f"{found['manager'] or 'Somebody'} had set {_weight(found)} on {_where(found, each)}; it was put right."
            for each in self.moved
            if (found := view.slot("changed").get(each.workload)) and found["times"] <= MAY_CHANGE
        )

    def shares(self, view: View) -> str:
        """What the routes really give, where that follows from numbers of pods; "" otherwise."""
        told = [
            f"{each.workload}: {found['weight']} % by pods"
            for each in self.moved
            if each.coarse and (found := self._newest(view, each)) and found["weight"] >= 0
        ]
        return ", ".join(told)

    def _to_put_right(self, view: View, each: CanaryWorkload) -> bool:
        found, written = view.slot("changed").get(each.workload), self._written(view, each)
        return bool(found and written and found["at"] > written["at"] and found["times"] <= MAY_CHANGE)

    def _written(self, view: View, each: CanaryWorkload) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = view.slot("weighed").get(each.workload)
        return found if found and found.get("wanted") == self.weight else None

    def _newest(self, view: View, each: CanaryWorkload) -> Mapping[str, Any] | None:
        written, seen = self._written(view, each), view.slot("seen").get(each.workload)
        return seen if written and seen and seen["at"] > written["at"] else written

    def _is_met(self, each: CanaryWorkload, found: Mapping[str, Any]) -> bool:
        if each.coarse and self.weight < 100 and found["weight"] < 0:
            return True  # no pod of either side is ready: there is nothing to keep requests from
        return bool(found["accepted"]) and (self._is_coarse(each) or found["weight"] == self.weight)

    def _is_moved(self, each: CanaryWorkload, seen: Mapping[str, Any]) -> bool:
        return not self._is_coarse(each) and seen["weight"] != self.weight and not seen["ours"]

    def _is_coarse(self, each: CanaryWorkload) -> bool:
        return each.coarse and 0 < self.weight < 100

    def _read(self, found: Mapping[str, Any]) -> str:
        return f"{_weight(found)} read back, {self.weight} % wanted"


def _where(found: Mapping[str, Any], each: CanaryWorkload) -> str:
    """The routes that stand out, in words; looks of before know one alone."""
    return str(found.get("where") or each.route.text)


def _weight(found: Mapping[str, Any]) -> str:
    return "weights that cannot be told" if found["weight"] < 0 else f"{found['weight']} %"


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def taken_up(memory: Memory) -> Memory:
    """The memory once a person lets the step go on: weights are written anew, and may be put right once more."""
    return {name: value for name, value in memory.items() if name not in ("changed", "weighed", "seen")}


def workloads(moved: Sequence[CanaryWorkload]) -> str:
    return ", ".join(each.workload for each in moved)
