"""Which function carries out which action."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from releases.rollout.wants import Action

Performer = Callable[[Any, Any], dict[str, Any]]
OWN = frozenset({"hands", "performers"})

_performers: dict[type[Action], Performer] = {}


def performs(action: type[Action]) -> Callable[[Performer], Performer]:
    """Registers what carries out an action: (hands, action) → its result. It raises KubeError."""

    def register(performer: Performer) -> Performer:
        _performers[action] = performer
        return performer

    return register


def performer_of(action: Action) -> Performer:
    """TypeError for an action that nobody carries out."""
    found = _all().get(type(action))
    if found is None:
        raise TypeError(f"Nobody knows how to do {action!r}.")
    return found


@cache
def _all() -> Mapping[type[Action], Performer]:
    package = __name__.rpartition(".")[0]
    path = import_module(package).__path__
    for module in iter_modules(path):
        if module.name not in OWN:
            import_module(f"{package}.{module.name}")
    return _performers
