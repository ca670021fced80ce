"""Strategies: one file each, found by being here. A file's STRATEGY is an instance of Strategy."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from releases.rollout.steps import Step, read_step
from releases.rollout.strategies.base import Parameter, ParameterError, Strategy

__all__ = ["Parameter", "ParameterError", "Strategy", "find", "names", "step_of"]


@cache
def _all() -> dict[str, Strategy]:
    modules = (info.name for info in iter_modules(__path__) if info.name != "base")
    found = (import_module(f"{__name__}.{name}").STRATEGY for name in sorted(modules))
    return {strategy.name: strategy for strategy in found}


def names() -> tuple[str, ...]:
    """The names of all strategies."""
    return tuple(_all())


def step_of(data: Mapping[str, Any]) -> Step:
    """A step of a plan; every strategy is loaded first, since each may bring kinds of its own."""
    _all()
    return read_step(data)


def find(name: str) -> Strategy:
    """The strategy of that name. ParameterError (a ValueError) names those that there are."""
    if name not in _all():
        raise ParameterError(f"There is no strategy {name!r}; there are: {', '.join(names())}.")
    return _all()[name]
