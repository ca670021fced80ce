"""Which function carries out which operation, for one kind of work."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from portal.steps.operations import Operation, Result
from portal.steps.registry import Registry

ContextT = TypeVar("ContextT")
Handler = Callable[[ContextT, Any], Result]


class Handlers(Generic[ContextT]):
    """The handlers in these packages, one file a family of operations.

    A handler takes what it needs to act by (the context) and the operation, and gives its result. What it raises is
    the business of whoever calls it.
    """

    def __init__(self, *packages: str) -> None:
        self._registry: Registry[Callable[[ContextT, Any], Result]] = Registry(*packages)

    def handles(self, operation: type[Operation]) -> Callable[[Handler[ContextT]], Handler[ContextT]]:
        """Registers what carries out operations of this very type, by decorating it."""
        return self._registry.register(operation)

    def handle(self, context: ContextT, operation: Operation) -> Result:
        """Carries it out. TypeError for an operation that nobody carries out."""
        return self._registry.find(type(operation))(context, operation)
