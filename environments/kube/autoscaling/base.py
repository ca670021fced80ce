"""What an autoscaler of a workload is to us: one line, its parts, and how it does. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from environments.kube.objects import Manifest, Ref, scale_target
from environments.kube.status.verdict import condition, sentence

AutoscalerState = Literal["good", "wait", "fail", "hold"]


@dataclass(frozen=True)
class Detail:
    """One part of an autoscaler: a metric with its target, a condition, a container's recommendation."""

    label: str
    value: str
    state: AutoscalerState = "good"


@dataclass(frozen=True)
class Autoscaler:
    """One autoscaler beside its workload. `line` is all of it in a sentence."""

    kind: str
    name: str
    line: str
    state: AutoscalerState = "good"
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Beside:
    """What stands beside an autoscaler: its workload's requests by container and resource, and other autoscalers."""

    requests: Mapping[str, Mapping[str, str]]
    others: tuple[Manifest, ...] = ()


class Scaler:
    """One kind of autoscaler; a file each, found by being here."""

    api_version: ClassVar[str]
    kind: ClassVar[str]

    def target(self, obj: Manifest) -> Ref:
        """The workload that it is for."""
        return scale_target(obj)

    def describe(self, obj: Manifest, beside: Beside) -> Autoscaler:
        """The autoscaler in words."""
        raise NotImplementedError


def said(status: Mapping[str, Any], kind: str) -> str:
    """The words of a condition: its message, or else its reason."""
    found = condition(status, kind)
    return sentence(found.get("message") or found.get("reason") or "")
