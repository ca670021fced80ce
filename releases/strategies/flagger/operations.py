"""What the steps of a release through Flagger want done; `releases.strategies.flagger.handlers` does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.objects import Ref
from releases.engine.operations import Apply, OnObject, Read


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
    """Prepare a Canary to go, then delete it, one look at a time. Result: {"ready": bool, "gone": bool, "why": str}.

    `revert`: Flagger gives the Deployment and its Service back first; else all that it made just goes. `routes` are
    made to outlive the Canary. Nothing is deleted unless `delete`.
    """

    revert: bool
    delete: bool = False
    routes: tuple[Ref, ...] = ()
    slot: ClassVar[str] = "handed"
    writes: ClassVar[bool] = True
