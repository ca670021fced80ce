"""Time as a work counts it: only while somebody is at work, and never by a clock that was put back. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portal.steps.state import State

ATTENDED = 60.0
"""Seconds between two passes beyond which nobody was at work: a portal that was away does not use up deadlines."""
SKEW = 5.0  # seconds by which the clocks of two hosts may differ
TIMES = frozenset({"at", "since", "until", "started"})
ENDINGS = ("_at", "_since", "_until")


def attended(state: State, now: float, *, counts: bool) -> State:
    """The state as it is now; the time since the last pass is the step's where it `counts` and somebody was there."""
    gap = now - (state.at if state.at is not None else now)
    if gap < -SKEW:
        # What the state has in the future now would hold the work up until then.
        state = replace(State.from_json(set_back(state.to_json(), -gap)), records=state.records)
    spent = gap if counts and 0 <= gap <= ATTENDED else 0.0
    return replace(state, at=now, spent=state.spent + spent)


def set_back(value: Any, by: float) -> Any:
    """A copy of a state's JSON in which every time is `by` seconds earlier."""
    if not isinstance(value, Mapping):
        return value
    return {name: each - by if _is_time(name, each) else set_back(each, by) for name, each in value.items()}


def _is_time(name: str, value: object) -> bool:
    """A state, its memory and what is written keep times under these names alone."""
    named = name in TIMES or name.endswith(ENDINGS)
    return named and isinstance(value, int | float) and not isinstance(value, bool)
