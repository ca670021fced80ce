"""Rolling update: objects in their order, workloads in waves, each by Kubernetes' own rolling update."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from releases.rollout.facts import Target, Work
from releases.rollout.flagger.steps import hand_back
from releases.rollout.policing import policing
from releases.rollout.steps import (
    AdoptStep,
    AfterStep,
    ConfigurationStep,
    ConfirmStep,
    DefinitionsStep,
    PruneStep,
    ServicesStep,
    Step,
)
from releases.rollout.strategies.base import Parameter, ParameterError, Strategy
from releases.rollout.verify import VerifyStep
from releases.rollout.waves import WaveStep

NAMED = 4
ZERO = (0, "0", "0%")


class Rolling(Strategy):
    name: ClassVar[str] = "rolling"
    title: ClassVar[str] = "Rolling update"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("maxSurge", "share", "Pods above the wanted number while it rolls; empty: as the bundle says."),
        Parameter("maxUnavailable", "share", "Pods that may be missing while it rolls; empty: as the bundle says."),
        Parameter("fatalGraceSeconds", "seconds", "How long a pod that cannot come up may take to heal.", 30),
        Parameter(
            "stableSeconds",
            "seconds",
            "How long all has to stay up before it counts as a success; empty: 10 where a container has no "
            "readiness probe, else 0.",
        ),
    )

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        checked = super().check(parameters)
        if checked.get("maxSurge") in ZERO and checked.get("maxUnavailable") in ZERO:
            raise ParameterError("maxSurge and maxUnavailable are both 0: nothing could roll. Give one of them.")
        return checked

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        tuned = deepcopy(dict(manifest))
        shares = {name: parameters[name] for name in ("maxSurge", "maxUnavailable") if name in parameters}
        field = {"Deployment": "strategy", "DaemonSet": "updateStrategy"}.get(tuned.get("kind", ""))
        if not shares or not field:
            return tuned
        strategy = tuned.setdefault("spec", {}).setdefault(field, {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            strategy["rollingUpdate"] = _shares(tuned["kind"], {**strategy.get("rollingUpdate", {}), **shares})
        return tuned

    def steps(self, work: Work) -> tuple[Step, ...]:
        return (ConfirmStep("Check that the plan still holds"), *_there(work, policing(work)))

    def back(self, work: Work) -> tuple[Step, ...]:
        return _there(work, policing(work, returning=True))


def _there(work: Work, policies: tuple[Step, ...]) -> tuple[Step, ...]:
    everything = tuple(target.index for target in work.targets if not target.temporary)
    adopt = (AdoptStep(f"Take over {_count(work.adopt, 'object')}"),) if work.adopt else ()
    prune = (PruneStep(f"Remove {_count(work.prune, 'object')} no longer in it"),) if work.prune else ()
    return (
        *adopt,
        *_stage(work, "definitions", DefinitionsStep, "Namespaces and definitions"),
        *_stage(work, "configuration", ConfigurationStep, "Configuration"),
        *hand_back(ref for ref, _ in work.prune if ref.kind == "Canary" and ref.group == "flagger.app"),
        *_stage(work, "services", ServicesStep, "Services"),
        *_waves(work),
        *_stage(work, "after", AfterStep, "Autoscaling, budgets and routes"),
        *prune,
        *policies,
        VerifyStep("Read everything back", everything),
    )


def _shares(kind: str, shares: dict[str, Any]) -> dict[str, Any]:
    """A DaemonSet takes either of the two: the one that is not 0, its maxSurge first."""
    if kind != "DaemonSet" or shares.get("maxSurge") in (None, *ZERO):
        return shares
    return {**shares, "maxUnavailable": 0}


def _stage(work: Work, stage: str, step: type[Step], label: str) -> tuple[Step, ...]:
    objects = tuple(target.index for target in work.targets if target.stage == stage)
    return (step(label, objects),) if objects else ()


def _waves(work: Work) -> tuple[Step, ...]:
    workloads = [target for target in work.targets if target.stage == "workloads"]
    waves = sorted({target.wave for target in workloads})
    return tuple(_wave(number, [t for t in workloads if t.wave == number]) for number in waves)


def _wave(number: int, targets: Sequence[Target]) -> Step:
    names = [target.ref.name for target in targets]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    label = f"Wave {number}: {', '.join(names[:NAMED])}{more}"
    return WaveStep(label[:200], tuple(target.index for target in targets))


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}" + ("" if len(things) == 1 else "s")


STRATEGY = Rolling()
