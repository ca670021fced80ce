"""Whether requests still go where a switch has led them, until the old colour may go. Pure.

In a step's memory: `led` has the newest look, by route; `again` is True when a person said that it goes on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from portal.steps.operations import Operation
from portal.steps.state import Memory
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Ask, Done, Judgement, Wait
from releases.engine.facts import View
from releases.strategies.blue_green.deploy import DrainStep
from releases.strategies.blue_green.operations import Lead, LookLed
from releases.strategies.blue_green.switch import leads
from releases.strategies.blue_green.workloads import ColouredWorkload

LOOK_PAUSE = 2.0
LOOK_SOON = 0.3


@dataclass(frozen=True)
class Watch:
    """Everything that leads the requests of these workloads to their new colour."""

    leads: tuple[Lead, ...]

    @classmethod
    def of(cls, entries: Iterable[ColouredWorkload]) -> "Watch":
        return cls(tuple(lead for entry in entries for lead in leads(entry, back=False)))

    def operations(self, view: View) -> tuple[Operation, ...]:
        """What a person's answer has led to the new colour again, and the looks that are due."""
        again = undone(view, self.leads) if view.memory.get("again") else ()
        return again or self.looks(view)

    def looks(self, view: View) -> tuple[LookLed, ...]:
        led, now = view.slot("led"), view.facts.now
        return tuple(
            LookLed(lead.route, now)
            for lead in self.leads
            if now >= (led.get(lead.key) or {}).get("at", 0.0) + LOOK_PAUSE
        )

    def elsewhere(self, view: View) -> str:
        """What somebody else leads elsewhere, and who; "" for nothing. The old colour would be missed."""
        led = view.slot("led")
        found = [(lead, led[lead.key]) for lead in self.leads if lead.key in led]
        return " ".join(_words(lead, each) for lead, each in found if not each["there"] or each["target"] != lead.to)

    def is_seen(self, view: View) -> bool:
        """Whether each was looked at."""
        return all(lead.key in view.slot("led") for lead in self.leads)


def _words(lead: Lead, found: Mapping[str, Any]) -> str:
    if not found["there"]:
        return f"{lead.route.text} is gone, which leads requests to {lead.to}."
    where, who = found["target"] or "several places", found.get("manager") or "not known"
    return f"{lead.route.text} leads requests to {where} instead of {lead.to}; the field manager is {who}."


def taken_up(memory: Memory) -> Memory:
    """The memory once a person lets the step go on: all is led to the new colour again."""
    return {**{name: value for name, value in memory.items() if name != "led"}, "again": True}


@dataclass(frozen=True)
class KeepStep(DrainStep):
    """The old colour is kept for a while, and for as long as requests are led anywhere but to the new one."""

    kind: ClassVar[str] = "colour-keep"

    def remember(self, view: View) -> Notes:
        return Notes(taken_up(view.memory), view.kept) if view.answered else view.notes

    def operations(self, view: View) -> tuple[Operation, ...]:
        return self._watch(view).operations(view)

    def verdict(self, view: View) -> Judgement:
        if words := self._watch(view).elsewhere(view):
            return Ask(words)
        judged = super().verdict(view)
        if isinstance(judged, Done) and not self._watch(view).is_seen(view):
            return Wait("looks where requests go", LOOK_SOON)
        return Wait(judged.why, min(judged.due_in, LOOK_PAUSE)) if isinstance(judged, Wait) else judged

    def _watch(self, view: View) -> Watch:
        return Watch.of(self.coloured(view))
