"""Steps that strategies have in common: objects in their stages, waves, and the end of a track. Pure."""

from collections.abc import Sequence

from environments.kube.names import TRACK
from releases.engine.facts import Target, Work
from releases.engine.steps import (
    AdoptStep,
    AfterStep,
    ConfigurationStep,
    DefinitionsStep,
    PruneStep,
    RolloutStep,
    ServicesStep,
)
from releases.strategies import neighbours
from releases.strategies.shared.policy_step import policing
from releases.strategies.shared.verify import VerifyStep
from releases.strategies.shared.waves import WaveStep

NAMED = 4
AFTER = "Autoscaling, budgets and routes"


def adopted(work: Work) -> tuple[RolloutStep, ...]:
    """Fields of people and tools taken over, where the plan says so."""
    return (AdoptStep(f"Take over {_count(work.adopt, 'object')}"),) if work.adopt else ()


def removed(work: Work) -> tuple[RolloutStep, ...]:
    """What the plan no longer has."""
    return (PruneStep(f"Remove {_count(work.prune, 'object')} no longer in it"),) if work.prune else ()


def configured(work: Work) -> tuple[RolloutStep, ...]:
    """What comes before Services; whoever held these workloads lets go of them."""
    return (
        *_stage(work, "definitions", DefinitionsStep, "Namespaces and definitions"),
        *_stage(work, "configuration", ConfigurationStep, "Configuration"),
        *neighbours.let_go(work),
    )


def services(targets: Sequence[Target], label: str = "Services") -> tuple[RolloutStep, ...]:
    """One step for these Services, none for no one."""
    return (ServicesStep(label, indices(targets)),) if targets else ()


def early_services(work: Work) -> list[Target]:
    """Those that lead to all pods of a workload: they are there before it."""
    return [target for target in at_stage(work, "services") if not _is_of_one_side(target)]


def late_services(work: Work) -> list[Target]:
    """Those that lead to the pods of one side alone: before its pods are up they would lead nowhere."""
    return [target for target in at_stage(work, "services") if _is_of_one_side(target)]


def after(work: Work) -> tuple[RolloutStep, ...]:
    return _stage(work, "after", AfterStep, AFTER)


def wave(work: Work, number: int, targets: Sequence[Target]) -> tuple[RolloutStep, ...]:
    """One step for these workloads, side by side, none for no one."""
    followed = any(target.wave > number for target in at_stage(work, "workloads"))
    settings = {"followed": True} if followed else {}
    label = f"Wave {number}" if number >= 0 else "Undo"
    return (WaveStep(f"{label}: {names(targets)}"[:200], indices(targets), settings),) if targets else ()


def waves(work: Work) -> tuple[tuple[int, list[Target]], ...]:
    """(number, workloads) of each wave that has any, in their order."""
    workloads = at_stage(work, "workloads")
    numbers = sorted({target.wave for target in workloads})
    return tuple((number, [target for target in workloads if target.wave == number]) for number in numbers)


def ending(work: Work, *, returning: bool = False) -> tuple[RolloutStep, ...]:
    """Policies and workloads read back."""
    everything = [target for target in work.targets if not (target.temporary or target.hook or target.finished)]
    return (*policing(work, returning=returning), VerifyStep("Read everything back", indices(everything)))


def at_stage(work: Work, stage: str) -> list[Target]:
    """The objects of a stage, without Jobs that have run already."""
    return [target for target in work.targets if target.stage == stage and not target.finished]


def indices(targets: Sequence[Target]) -> tuple[int, ...]:
    return tuple(target.index for target in targets)


def names(targets: Sequence[Target]) -> str:
    """ "web, api, db, cache and 2 more"."""
    known = [target.ref.name for target in targets]
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return f"{', '.join(known[:NAMED])}{more}"


def _is_of_one_side(target: Target) -> bool:
    return TRACK in ((target.manifest.get("spec") or {}).get("selector") or {})


def _stage(work: Work, stage: str, step: type[RolloutStep], label: str) -> tuple[RolloutStep, ...]:
    found = at_stage(work, stage)
    return (step(label, indices(found)),) if found else ()


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}" + ("" if len(things) == 1 else "s")
