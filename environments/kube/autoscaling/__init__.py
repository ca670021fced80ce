"""Autoscalers beside the workloads that they scale: HPA, KEDA and VPA; a small file a kind. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from common.discovery import modules_of
from environments.kube.autoscaling.base import Autoscaler, Beside, Detail, Scaler
from environments.kube.autoscaling.keda import own_hpa
from environments.kube.objects import Manifest, Ref

__all__ = ["Autoscaler", "Detail", "Scaler", "autoscalers", "scalers", "slim", "target_of"]

SHARED = frozenset({"base", "reading"})
METADATA = ("name", "namespace", "labels")


@cache
def scalers() -> tuple[Scaler, ...]:
    """Every kind of autoscaler."""
    return tuple(module.SCALER for module in modules_of(__name__, apart=SHARED))


def target_of(obj: Manifest) -> Ref:
    """The workload that an autoscaler is for. KeyError for an object that is none."""
    return {scaler.kind: scaler for scaler in scalers()}[obj["kind"]].target(obj)


def slim(obj: Manifest) -> Manifest:
    """What is kept of an autoscaler: its words are made of nothing else."""
    metadata = {name: obj["metadata"][name] for name in METADATA if name in obj["metadata"]}
    kept = {name: obj.get(name) or {} for name in ("spec", "status")}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, **kept}


def autoscalers(objects: Sequence[Manifest], template: Mapping[str, Any]) -> tuple[Autoscaler, ...]:
    """The autoscalers of one workload in words; `template` is its pod template, whose requests a VPA is held against.

    An HPA that KEDA keeps is told of by its ScaledObject.
    """
    kept = {id(own) for each in objects if each["kind"] == "ScaledObject" and (own := own_hpa(each, tuple(objects)))}
    beside = Beside(_requests(template), tuple(objects))
    told = {scaler.kind: scaler for scaler in scalers()}
    shown = (each for each in objects if id(each) not in kept and each["kind"] in told)
    return tuple(told[each["kind"]].describe(each, beside) for each in shown)


def _requests(template: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The requests by container: a limit without a request is one."""
    containers: Iterable[Mapping[str, Any]] = (template.get("spec") or {}).get("containers") or ()
    return {each["name"]: _asked(each.get("resources") or {}) for each in containers if "name" in each}


def _asked(resources: Mapping[str, Any]) -> dict[str, str]:
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
