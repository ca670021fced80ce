"""Strategies: a file or a folder each, found by being here. Its STRATEGY is an instance of Strategy."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from common.discovery import modules_of
from releases.strategies.base import Arrangement, Arranging, Parameter, ParameterError, Strategy, TrafficEntry

__all__ = [
    "Arrangement",
    "Arranging",
    "Parameter",
    "ParameterError",
    "Strategy",
    "TrafficEntry",
    "entries",
    "every",
    "find",
    "names",
]
NO_STRATEGIES = frozenset({"base", "neighbours", "parameters", "shared"})


@cache
def _all() -> dict[str, Strategy]:
    strategies = (_strategy(module) for module in modules_of(__name__, apart=NO_STRATEGIES))
    return {strategy.name: strategy for strategy in strategies}


def _strategy(module: ModuleType) -> Strategy:
    home = import_module(f"{module.__name__}.strategy") if hasattr(module, "__path__") else module
    strategy: Strategy = home.STRATEGY
    return strategy


def names() -> tuple[str, ...]:
    """The names of all strategies."""
    return tuple(_all())


def every() -> tuple[Strategy, ...]:
    """All strategies, in the order of their names."""
    return tuple(_all()[name] for name in sorted(_all()))


def entries(traffic: Iterable[Mapping[str, Any]]) -> tuple[TrafficEntry, ...]:
    """A plan's `traffic`, each entry as its strategy reads it. KeyError for a kind that this version does not know."""
    known = {strategy.entry.kind: strategy.entry for strategy in every() if strategy.entry}
    return tuple(known[_kind_of(data)].from_json(data) for data in traffic)


def _kind_of(entry: Mapping[str, Any]) -> str:
    """Older plans have the tag of Flagger's entries as "by"."""
    return str(entry.get("kind") or entry["by"])


def find(name: str) -> Strategy:
    """The strategy of that name. ParameterError (a ValueError) names those that there are."""
    if name not in _all():
        raise ParameterError(f"There is no strategy {name!r}; there are: {', '.join(names())}.")
    return _all()[name]
