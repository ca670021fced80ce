"""Modules that are found by being there: a kind, a provider or a handler is one file, and no list names it. Pure."""

from collections.abc import Collection, Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules_of(package: str, *, apart: Collection[str] = (), deep: bool = False) -> tuple[ModuleType, ...]:
    """The modules and packages in a package, imported, in the order of their names; none of `apart`.

    `deep`: also what is in those packages, whatever it is called.
    """
    return tuple(_found(package, apart, deep=deep))


def _found(package: str, apart: Collection[str], *, deep: bool) -> Iterator[ModuleType]:
    path = import_module(package).__path__
    for info in sorted(iter_modules(path), key=lambda info: info.name):
        if info.name not in apart:
            name = f"{package}.{info.name}"
            yield import_module(name)
            if deep and info.ispkg:
                yield from _found(name, (), deep=True)
