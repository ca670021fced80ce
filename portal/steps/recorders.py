"""Which function puts which records on record, for one kind of work."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from portal.steps.operations import Record
from portal.steps.registry import Registry
from portal.steps.state import Placed

ContextT = TypeVar("ContextT")
Recorder = Callable[[ContextT, Sequence[Placed]], None]


class Recorders(Generic[ContextT]):
    """The recorders in these packages, one a type of record.

    A recorder takes the work that the records are of (the context), and all of its type at once, in their order. It
    runs in the transaction that saves what was decided; what is on record already it leaves as it is.
    """

    def __init__(self, *packages: str) -> None:
        self._registry: Registry[Callable[[ContextT, Sequence[Placed]], None]] = Registry(*packages)

    def records(self, kind: type[Record]) -> Callable[[Recorder[ContextT]], Recorder[ContextT]]:
        """Registers what puts records of this very type on record, by decorating it."""
        return self._registry.register(kind)

    def put(self, context: ContextT, placed: Iterable[Placed]) -> None:
        """Has all of them recorded. TypeError for a record that nobody takes."""
        by_type: dict[type[Record], list[Placed]] = {}
        for each in placed:
            by_type.setdefault(type(each.record), []).append(each)
        for kind, found in by_type.items():
            self._registry.find(kind)(context, found)
