"""What the steps of a release through Flagger want done; `releases.rollout.acting.flagger` does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from releases.rollout.wants import Apply, OnObject, Read


@dataclass(frozen=True)
class ApplyTemplate(Apply):
    """Apply the plan's Deployment of that index, whose replicas are Flagger's. Result: as Apply's."""


@dataclass(frozen=True)
class Follow(Read):
    """Read a Canary with its events, its target and its primary. Result: a Sight as JSON."""

    target: str
    slot: ClassVar[str] = "followed"


@dataclass(frozen=True)
class Tune(OnObject):
    """Apply the plan's Canary of that index with these fields of its spec. Result: {"override"}."""

    index: int
    override: Mapping[str, Any]
    slot: ClassVar[str] = "tuned"


@dataclass(frozen=True)
class HandBack(Read):
    """Delete a Canary, one look at a time. Result: {"gone": bool, "why": str}.

    `revert`: Flagger gives the Deployment, its Service and its route back first; else all that goes anyway.
    """

    revert: bool
    slot: ClassVar[str] = "handed"
    writes: ClassVar[bool] = True
