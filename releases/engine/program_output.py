"""What programs wrote and answered while a step was at work: kept apart from why it stands where it does. Pure."""

from collections.abc import Mapping
from typing import Any

SLOTS = ("looked", "probed")
LONGEST = 2000


def said_of(memory: Mapping[str, Any]) -> str:
    """A line each, of a step's memory: for those who may read the logs of its environment, and nobody else."""
    results = [(key, each) for slot in SLOTS for key, each in (memory.get(slot) or {}).items()]
    lines = [f"{_name(key)}: {each['said']}" for key, each in results if each.get("said")]
    return "\n".join(lines)[:LONGEST]


def _name(key: str) -> str:
    """Of a workload, or of a check."""
    return key.rpartition("/")[2]
