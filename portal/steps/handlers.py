"""Which function carries out which operation, for one kind of work."""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, Generic, TypeVar

from portal.discovery import modules_of
from portal.steps.operations import Operation, Result

ContextT = TypeVar("ContextT")
OperationT = TypeVar("OperationT", bound=Operation)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Result])


class Handlers(Generic[ContextT]):
    """The handlers in a package, one file a family of operations; a file is found by being there.

    A handler takes what it needs to act by (the context) and the operation, and gives its result. What it raises is
    the business of whoever calls it. `apart` are the package's files that have none.
    """

    def __init__(self, package: str, apart: Collection[str] = ()) -> None:
        self.package, self.apart = package, frozenset(apart)
        self._handlers: dict[type[Operation], Callable[[ContextT, Any], Result]] = {}

    def handles(
        self, operation: type[OperationT]
    ) -> Callable[[Callable[[ContextT, Any], Result]], Callable[[ContextT, Any], Result]]:
        """Registers what carries out operations of this very type, by decorating it."""

        def register(handler: Callable[[ContextT, Any], Result]) -> Callable[[ContextT, Any], Result]:
            self._handlers[operation] = handler
            return handler

        return register

    def handle(self, context: ContextT, operation: Operation) -> Result:
        """Carries it out. TypeError for an operation that nobody carries out."""
        handler = self._all.get(type(operation))
        if handler is None:
            raise TypeError(f"No handler in {self.package} carries out {operation!r}.")
        return handler(context, operation)

    @cached_property
    def _all(self) -> dict[type[Operation], Callable[[ContextT, Any], Result]]:
        modules_of(self.package, apart=self.apart)
        return self._handlers
