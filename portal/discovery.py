"""Modules that are found by being there: a kind, a provider or a handler is one file, and no list names it. Pure."""

from collections.abc import Collection
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules_of(package: str, *, apart: Collection[str] = ()) -> tuple[ModuleType, ...]:
    """The modules and packages directly in a package, imported, in the order of their names; none of `apart`."""
    path = import_module(package).__path__
    names = sorted(info.name for info in iter_modules(path) if info.name not in apart)
    return tuple(import_module(f"{package}.{name}") for name in names)
