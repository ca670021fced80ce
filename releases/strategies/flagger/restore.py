"""A track that brings a Canary back, though it is not Flagger's own strategy: Flagger gets its Services again. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from environments.kube.apply.ownership import autoscaled
from environments.kube.objects import Ref
from releases.engine.facts import Target, Work
from releases.engine.steps import ApplyStep, RolloutStep, ServicesStep
from releases.strategies.flagger.resource import is_canary
from releases.strategies.flagger.steps import CanaryStep
from releases.strategies.flagger.workloads import FlaggerWorkload

SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
BEFORE = frozenset({"after", "prune", "policies", "verify"})


def entering(work: Work, steps: Sequence[RolloutStep]) -> tuple[RolloutStep, ...]:
    """The steps with each Canary after the workloads, and the Services that it takes over after it.

    Such a Service has no selector: applied before Flagger has it again, it would lead nowhere.
    """
    canaries = [target for target in work.targets if is_canary(target.ref)]
    if not canaries:
        return tuple(steps)
    holds = [_held(target) for target in canaries]
    scalers = [t for t in work.targets if t.ref.kind in SCALERS and _scales(t, holds)]
    services = [t for t in work.targets if t.ref.kind == "Service" and t.ref.name in _services(canaries)]
    later = {target.index for target in (*canaries, *scalers, *services)}
    kept = tuple(filter(None, (_without(step, later) for step in steps)))
    at = next((place for place, step in enumerate(kept) if step.kind in BEFORE), len(kept))
    names = ", ".join(hold.workload for hold in holds)
    settings = {"workloads": [hold.workload for hold in holds], "held": [hold.to_json() for hold in holds]}
    given = CanaryStep(f"Canary resource: {names}"[:200], _indices((*scalers, *canaries)), settings)
    taken = (ServicesStep("Services that Flagger has taken over", _indices(services)),) if services else ()
    return (*kept[:at], given, *taken, *kept[at:])


def _held(canary: Target) -> FlaggerWorkload:
    reference = canary.manifest["spec"]["targetRef"]
    target = Ref(reference.get("apiVersion", "apps/v1"), "Deployment", canary.ref.namespace, reference["name"])
    return FlaggerWorkload(target, canary.ref)


def _scales(scaler: Target, holds: Iterable[FlaggerWorkload]) -> bool:
    return any(autoscaled([dict(scaler.manifest)], hold.target) for hold in holds)


def _services(canaries: Iterable[Target]) -> set[str]:
    specs = [target.manifest["spec"] for target in canaries]
    return {str((spec.get("service") or {}).get("name") or spec["targetRef"]["name"]) for spec in specs}


def _without(step: RolloutStep, gone: set[int]) -> RolloutStep | None:
    if not isinstance(step, ApplyStep):
        return step
    left = tuple(index for index in step.objects if index not in gone)
    return replace(step, objects=left) if left else None


def _indices(targets: Iterable[Target]) -> tuple[int, ...]:
    return tuple(target.index for target in targets)
