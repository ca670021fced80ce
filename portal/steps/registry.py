"""Functions by the type that they are for, of one kind of work."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

from common.discovery import modules_of

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


class Registry(Generic[FunctionT]):
    """Functions that files of these packages register, however deep; a file is found by being there."""

    def __init__(self, *packages: str) -> None:
        self.packages = packages
        self._functions: dict[type, FunctionT] = {}

    def register(self, kind: type) -> Callable[[FunctionT], FunctionT]:
        """Registers what it decorates for this very type, not for those under it."""

        def keep(function: FunctionT) -> FunctionT:
            self._functions[kind] = function
            return function

        return keep

    def find(self, kind: type) -> FunctionT:
        """TypeError where no file has one."""
        if kind not in self._all:
            raise TypeError(f"Nothing in {' and '.join(self.packages)} is registered for {kind.__name__}.")
        return self._all[kind]

    @cached_property
    def _all(self) -> dict[type, FunctionT]:
        for package in self.packages:
            modules_of(package, deep=True)
        return self._functions
