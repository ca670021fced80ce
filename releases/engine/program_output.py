"""What programs wrote and answered while a step was at work: kept apart from why it stands where it does. Pure."""

from collections.abc import Iterable

from portal.steps.state import ProgramOutput

LONGEST = 2000


def said_of(outputs: Iterable[ProgramOutput]) -> str:
    """A line each: for those who may read the logs of the rollout's environment, and nobody else."""
    return "\n".join(f"{_name(each.about)}: {each.text}" for each in outputs)[:LONGEST]


def _name(key: str) -> str:
    """Of a workload, or of a check."""
    return key.rpartition("/")[2]
