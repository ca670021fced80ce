"""What steps of a rollout measure and find, as it goes on record: a recorder of the orchestrator takes each. Pure."""

from dataclasses import dataclass

from environments.kube.policies import Policy
from portal.steps.operations import Record
from releases.analysis.samples import Point


@dataclass(frozen=True)
class Measured(Record):
    """One look at one metric, judged, while the new version got `weight` % of the requests."""

    point: Point
    weight: int


@dataclass(frozen=True)
class PoliciesFound(Record):
    """What came of a plan's traffic policies, all of them, as they were read back."""

    policies: tuple[Policy, ...]


@dataclass(frozen=True)
class Share(Record):
    """The percentage of a workload's requests that the new version gets, as it was read back or is taken to be."""

    workload: str
    percent: int
