"""The steps of a canary, forward and back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from environments.kube.traffic import Testers
from releases.engine.facts import Target, Work
from releases.engine.steps import ConfirmStep, RolloutStep
from releases.strategies.canary.return_to_stable import (
    ClearStep,
    FloorsStep,
    OffStep,
    RestoreStableStep,
    ReturnToStableStep,
)
from releases.strategies.canary.steps import PodsStep, TestersStep, WeightStep
from releases.strategies.canary.workloads import CanaryWorkload
from releases.strategies.shared import parts
from releases.strategies.shared.waves import WaveStep


@dataclass(frozen=True)
class CanarySchedule:
    """`weights` in percent, each held for `interval` seconds under these metrics (JSON); `ask`: at whose end."""

    weights: tuple[int, ...]
    interval: float
    metrics: tuple[Mapping[str, Any], ...]
    ask: tuple[int, ...]
    testers: Testers


def forward(work: Work, moved: Sequence[CanaryWorkload], way: CanarySchedule) -> tuple[RolloutStep, ...]:
    """Wave by wave: what is rolled, then the canaries side by side up to their promotion; then what comes after."""
    return (
        ConfirmStep("Check that the plan still holds"),
        *parts.adopted(work),
        *parts.configured(work),
        *parts.services(parts.at_stage(work, "services")),
        *(step for number, targets in parts.waves(work) for step in _wave(work, number, targets, moved, way)),
        *parts.after(work),
        *parts.removed(work),
        *_at_rest(moved),
        *_floors(moved),
        *parts.ending(work),
    )


def back(work: Work, moved: Sequence[CanaryWorkload]) -> tuple[RolloutStep, ...]:
    """Requests first; then the objects of before, the Services of the routes last, when the canary's pods are gone."""
    pinned = {(route.namespace, route.service) for each in moved for route in each.routes}
    services = parts.at_stage(work, "services")
    routed = [target for target in services if (target.ref.namespace, target.ref.name) in pinned]
    return (
        *_some(OffStep, "Requests off the canary", moved),
        *parts.adopted(work),
        *parts.configured(work),
        *parts.services([target for target in services if target not in routed]),
        *(_restored(number, targets, moved) for number, targets in parts.waves(work)),
        *_some(ReturnToStableStep, "Requests back to stable", moved, weight=100),
        *_some(ClearStep, "Routes at rest, as far as they can be", moved, soft=True),
        *parts.removed(work),
        *_at_rest(moved),
        *parts.services(routed, "Services of the routes"),
        *parts.after(work),
        *_floors(moved),
        *parts.ending(work, returning=True),
    )


def _wave(
    work: Work, number: int, targets: Sequence[Target], moved: Sequence[CanaryWorkload], way: CanarySchedule
) -> Iterator[RolloutStep]:
    mine = [each for each in moved if each.key in {target.key for target in targets}]
    taken = {key for each in mine for key in (each.key, each.canary)}
    yield from parts.wave(work, number, [target for target in targets if target.key not in taken])
    if mine:
        yield from _canaries(work, mine, way)


def _canaries(work: Work, moved: Sequence[CanaryWorkload], way: CanarySchedule) -> Iterator[RolloutStep]:
    """Up, one weight after the other, promoted, and requests back to what is stable then."""
    stable = [target for each in moved if (target := work.target(each.key))]
    canaries = [target for each in moved if (target := work.target(each.canary))]
    settings = {"workloads": names(moved), **_told(way.testers)}
    who = parts.names(stable)
    yield PodsStep(_label(f"Canary of {who}"), parts.indices(canaries), settings)
    if way.testers != Testers():
        yield TestersStep(_label(f"Testers only: {who}"), (), settings)
    both = parts.indices([*canaries, *stable])
    for weight in way.weights:
        yield WeightStep(_label(f"{weight} %: {who}"), both, {**settings, **_weight(weight, way)})
    yield WaveStep(_label(f"Promote: {who}"), parts.indices(stable))
    yield ReturnToStableStep(
        _label(f"Requests back to {who}"), parts.indices(stable), {**settings, "weight": way.weights[-1]}
    )


def _weight(weight: int, way: CanarySchedule) -> dict[str, Any]:
    return {
        "weight": weight,
        "interval": way.interval,
        "metrics": list(way.metrics),
        "ask": weight in way.ask,
        "last": weight == way.weights[-1],
    }


def _told(testers: Testers) -> dict[str, Any]:
    told = {name: value for name, value in asdict(testers).items() if value}
    return {"testers": told} if told else {}


def _restored(number: int, targets: Sequence[Target], moved: Sequence[CanaryWorkload]) -> RolloutStep:
    label = f"Wave {number}: {parts.names(targets)}"
    return RestoreStableStep(_label(label), parts.indices(targets), {"workloads": names(moved)})


def _at_rest(moved: Sequence[CanaryWorkload]) -> tuple[RolloutStep, ...]:
    return _some(ClearStep, "Routes at rest", moved)


def _floors(moved: Sequence[CanaryWorkload]) -> tuple[RolloutStep, ...]:
    return _some(FloorsStep, "Autoscalers free again", [each for each in moved if each.scaler])


def _some(
    step: type[RolloutStep], label: str, moved: Sequence[CanaryWorkload], **settings: Any
) -> tuple[RolloutStep, ...]:
    """The step for these workloads, none for no one."""
    return (step(label, (), {"workloads": names(moved), **settings}),) if moved else ()


def names(moved: Sequence[CanaryWorkload]) -> list[str]:
    return [each.workload for each in moved]


def _label(text: str) -> str:
    return text[:200]
