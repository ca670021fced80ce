"""Strategies: one file each, found by being here. A file's STRATEGY is an instance of Strategy; others help them."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from releases.rollout.steps import Step, read_step
from releases.rollout.strategies.base import Arrangement, Arranging, Parameter, ParameterError, Strategy

__all__ = ["Arrangement", "Arranging", "Parameter", "ParameterError", "Strategy", "find", "names", "step_of"]


@cache
def _all() -> dict[str, Strategy]:
    modules = (import_module(f"{__name__}.{name}") for name in sorted(info.name for info in iter_modules(__path__)))
    found = (module.STRATEGY for module in modules if hasattr(module, "STRATEGY"))
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
