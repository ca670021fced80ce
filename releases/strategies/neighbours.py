"""What strategies do about what another one left behind: each is asked in turn, and none is named."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from environments.kube.objects import Manifest, Ref
from releases import strategies
from releases.engine.facts import Work
from releases.engine.steps import RolloutStep
from releases.plan.objects import Row, Wanted
from releases.strategies.base import Strategy

Traffic = Sequence[Mapping[str, Any]]


def refuse(strategy: Strategy, previous: Row | None) -> None:
    """PlanRefused where what runs there is held in a way that keeps this strategy from following it."""
    for each in strategies.every():
        each.refuse(strategy, previous)


def as_bundled(objects: tuple[Wanted, ...], traffic: Traffic) -> tuple[Wanted, ...]:
    """The objects of a stored plan as its bundle had them."""
    for each in strategies.every():
        objects = each.as_bundled(objects, traffic)
    return objects


def sized(objects: tuple[Wanted, ...], traffic: Traffic, live: Callable[[Ref], Manifest | None]) -> tuple[Wanted, ...]:
    """The objects as large as what runs in their place; `traffic` is of the plan before."""
    for each in strategies.every():
        objects = each.sized(objects, traffic, live)
    return objects


def notes(strategy: Strategy, refs: Sequence[Ref]) -> tuple[tuple[str, str], ...]:
    """(title, words) that the plan shows among its risks."""
    return tuple(note for each in strategies.every() for note in each.notes(strategy, refs))


def let_go(work: Work) -> tuple[RolloutStep, ...]:
    """Steps before the workloads come."""
    return tuple(step for each in strategies.every() for step in each.let_go(work))


def drained(work: Work) -> tuple[RolloutStep, ...]:
    """Steps before anything is removed."""
    return tuple(step for each in strategies.every() for step in each.drained(work))


def resumed(work: Work, steps: tuple[RolloutStep, ...]) -> tuple[RolloutStep, ...]:
    """The steps of a way back, completed."""
    for each in strategies.every():
        steps = each.resumed(work, steps)
    return steps
