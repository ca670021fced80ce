"""Requests led to the new colour by one write, and back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from portal.steps.operations import Operation
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import View
from releases.engine.operations import Apply, Prune
from releases.strategies.blue_green.deploy import READY_SECONDS, ColourStep, read_now, resized, wanted_size
from releases.strategies.blue_green.operations import Lead, LookLed, ProbeUrl
from releases.strategies.blue_green.preview_checks import count_now, endpoints, probe
from releases.strategies.blue_green.workloads import ColouredWorkload, colour_words, seen, spec_size
from releases.strategies.shared.records import Share
from releases.strategies.shared.waves import parameter

FRESH = 2.0  # seconds for which a look at the live colour's size counts before requests are moved
SWITCH_SECONDS = 60.0
TRIES = 5
TRY_PAUSE = 1.0
LED_PAUSE = 0.3


def leads(entry: ColouredWorkload, *, back: bool) -> tuple[Lead, ...]:
    """What leads the workload's requests: where they come in first, then its Services."""
    if back:
        return tuple(Lead(each.route, each.back, each.back_selector) for each in entry.switches)
    return tuple(Lead(each.route, each.to, each.to_selector) for each in entry.switches)


def not_led(view: View, wanted: tuple[Lead, ...]) -> str:
    """What of it does not lead where it should, as it was read back; "" where all does."""
    results = view.slot("led")
    wrong = [
        f"{lead.route.text} leads to {result['target'] or 'several places'}: {result['why']}".rstrip(": ")
        for lead in wanted
        if (result := results.get(lead.key)) and result["there"] and (result["target"] != lead.to or result["why"])
    ]
    return "; ".join(wrong)


def looks_again(view: View, wanted: tuple[Lead, ...]) -> tuple[LookLed, ...]:
    """Looks that are due at routes whose router has not taken the write up yet."""
    now, results = view.facts.now, view.slot("led")
    known = [(lead, results[lead.key]) for lead in wanted if lead.key in results]
    late = [(lead, result) for lead, result in known if result["there"] and result["why"]]
    return tuple(LookLed(lead.route, now) for lead, result in late if now >= result.get("at", 0.0) + LED_PAUSE)


def moved(view: View, notes: Notes, entry: ColouredWorkload, name: str, weight: int) -> Notes:
    """Notes with the moment at which the workload's requests were moved, and the share that the new version gets."""
    kept = notes.kept
    weights = {**kept.get("weights", {}), entry.workload: weight}
    live = kept.get("sizes", {})
    size = spec_size(seen(view, entry.live))
    sizes = {**live, entry.workload: size} if name == "switched" and size else live
    kept = {**kept, "weights": weights, "sizes": sizes, name: {"at": view.facts.now}}
    memory = {**notes.memory, "moved": {**(notes.memory.get("moved") or {}), entry.workload: view.spent}}
    return Notes(memory, kept, (*notes.records, Share(entry.workload, weight)))


@dataclass(frozen=True)
class SwitchStep(ColourStep):
    """The switch, once the new colour is as large as the live one; and proof that every request reaches it.

    The live colour's autoscaler goes first, so that it stays as large as it is; the new one's comes after.
    """

    kind: ClassVar[str] = "colour-switch"
    returns: ClassVar[bool] = True

    def remember(self, view: View) -> Notes:
        notes = view.notes
        for entry in self.coloured(view):
            if self._is_switched(view, entry) and entry.workload not in view.slot("moved"):
                notes = moved(view, notes, entry, "switched", 100)
        return notes

    def operations(self, view: View) -> tuple[Operation, ...]:
        return tuple(operation for entry in self.coloured(view) for operation in self._next(view, entry))

    def verdict(self, view: View) -> Judgement:
        entries = self.coloured(view)
        if view.spent >= self._most(view) and not view.fully:
            return Fail(f"not switched after {self._most(view):.0f} s; {self._why(view)}")
        if failed := [words for entry in entries if (words := self._public_failure(view, entry))]:
            return Fail("; ".join(failed))
        if all(self._is_proven(view, entry) for entry in entries):
            return Done("; ".join(self._proof(view, entry) for entry in entries))
        return Wait(self._why(view), 0.3)

    def _most(self, view: View) -> float:
        """Seconds: of waiting for as many pods as the live colour has, and then for every request to arrive."""
        waited = view.slot("moved").values() if len(view.slot("moved")) == len(self.coloured(view)) else ()
        return max(waited, default=parameter(view, "readySeconds", READY_SECONDS)) + SWITCH_SECONDS

    def _why(self, view: View) -> str:
        return "; ".join(words for entry in self.coloured(view) if (words := self._missing(view, entry)))

    def _next(self, view: View, entry: ColouredWorkload) -> tuple[Operation, ...]:
        if not self._is_switched(view, entry):
            return self._before(view, entry)
        after = undone(view, [Apply(t.ref, t.index) for t in self.targets(view)])
        if after or self._public_failure(view, entry):
            return after
        if not self._all_new(view, entry):
            return count_now(view, entry.service, 0.2)
        return (*looks_again(view, leads(entry, back=False)), *self._probes(view, entry))

    def _before(self, view: View, entry: ColouredWorkload) -> tuple[Operation, ...]:
        looks = (*read_now(view, (entry.live,), FRESH), *count_now(view, entry.naming.preview))
        if looks:
            return looks
        wanted = wanted_size(view, entry)
        if not self._is_ready(view, entry):
            grows = spec_size(seen(view, entry.idle)) < wanted
            return resized(view, entry, wanted) if grows else read_now(view, (entry.idle,), 0.5)
        uids = {ref.key: uid for ref, uid in view.work.prune}
        scalers = [Prune(ref, uids[ref.key]) for ref in entry.scalers if ref.key in uids]
        return undone(view, scalers) or undone(view, leads(entry, back=False))

    def _is_ready(self, view: View, entry: ColouredWorkload) -> bool:
        """As many endpoints as the live colour is to have pods: none of its requests is to wait for one."""
        needed = max(1, spec_size(seen(view, entry.live)))
        return view.fully or endpoints(view, entry.naming.preview).get(entry.naming.colour, 0) >= needed

    def _is_switched(self, view: View, entry: ColouredWorkload) -> bool:
        return not undone(view, leads(entry, back=False))

    def _all_new(self, view: View, entry: ColouredWorkload) -> bool:
        ready = endpoints(view, entry.service)
        return ready.get(entry.naming.colour, 0) > 0 and set(ready) == {entry.naming.colour}

    def _is_proven(self, view: View, entry: ColouredWorkload) -> bool:
        if not self._is_switched(view, entry) or undone(view, [Apply(t.ref, t.index) for t in self.targets(view)]):
            return False
        if view.fully:
            return True
        probed = not self._probes(view, entry, due=False)
        return self._all_new(view, entry) and not not_led(view, leads(entry, back=False)) and probed

    def _missing(self, view: View, entry: ColouredWorkload) -> str:
        if not self._is_switched(view, entry):
            ready = endpoints(view, entry.naming.preview).get(entry.naming.colour, 0)
            live = max(1, spec_size(seen(view, entry.live)))
            return f"{entry.idle.name}: {ready} of the {live} pods ready that {entry.live.name} has"
        if wrong := not_led(view, leads(entry, back=False)):
            return wrong
        if not self._all_new(view, entry):
            return f"{entry.workload}: endpoints are {_told(endpoints(view, entry.service))}"
        return f"{entry.workload}: waits for an answer as the public gets it"

    def _proof(self, view: View, entry: ColouredWorkload) -> str:
        ready = endpoints(view, entry.service).get(entry.naming.colour, 0)
        probed = " and it answers" if self._asks(view, entry) else ""
        return f"{entry.workload}: all {ready} endpoints are {entry.naming.colour}{probed}"

    def _asks(self, view: View, entry: ColouredWorkload) -> list[str]:
        """What is asked as the public does: the Service, and the operator's address."""
        return [*(["public"] if entry.public else []), *filter(None, [self._url(view)])]

    def _url(self, view: View) -> str:
        return str(view.work.parameters.get("publicUrl") or "")

    def _probes(self, view: View, entry: ColouredWorkload, *, due: bool = True) -> tuple[Operation, ...]:
        """The next try of each that has not passed yet."""
        asked = [(what, self._tries(view, entry, what)) for what in self._asks(view, entry)]
        left = [(what, tries) for what, tries in asked if not any(found["ok"] for found in tries)]
        now = view.facts.now
        return tuple(
            self._probe(view, entry, what, len(tries))
            for what, tries in left
            if not due or not tries or now >= tries[-1]["at"] + TRY_PAUSE
        )

    def _probe(self, view: View, entry: ColouredWorkload, what: str, number: int) -> Operation:
        if what == "public":
            return probe(entry.service, f"public {number}", entry.public, view.facts.now)
        return ProbeUrl(what, number, view.facts.now)

    def _tries(self, view: View, entry: ColouredWorkload, what: str) -> list[Mapping[str, Any]]:
        keys = (self._probe(view, entry, what, number).key for number in range(TRIES))
        return [view.slot("probed")[key] for key in keys if key in view.slot("probed")]

    def _public_failure(self, view: View, entry: ColouredWorkload) -> str:
        for what in self._asks(view, entry):
            tries = self._tries(view, entry, what)
            if len(tries) >= TRIES and not any(found["ok"] for found in tries):
                name = f"Service {entry.service.name}" if what == "public" else what
                return f"{name} {tries[-1]['why']}, {TRIES} times"
        return ""


def _told(ready: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {colour_words(track or 'unknown')}" for track, count in ready.items()) or "none"
