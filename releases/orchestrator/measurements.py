"""Puts what a step has measured on record, with the save of the decision that came of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from releases.engine.state import State
from releases.models import Measurement, Rollout


def store(rollout: Rollout, state: State) -> None:
    """A row for each point that the state's memory holds; one that is there already stays."""
    rows = [_row(rollout, point) for point in state.memory.get("points", ())]
    Measurement.objects.bulk_create(rows, ignore_conflicts=True)


def without_points(state: State) -> State:
    """The state as it is kept: its points are rows by then, and its policies are the rollout's."""
    memory = {name: value for name, value in state.memory.items() if name not in ("points", "policies")}
    return replace(state, memory=memory)


def _row(rollout: Rollout, point: Mapping[str, Any]) -> Measurement:
    return Measurement(rollout=rollout, **point)
