"""What every controller has, and how they are found: a module in this package with a Controller in it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from common.discovery import modules_of
from sandbox.cluster import SimulatedCluster
from sandbox.meta import NamespacedName, Object, controller_of, key_of, kind_of

CONTROLLERS: list[type["Controller"]] = []


class Controller(ABC):
    """Brings one object at a time nearer to what its spec says.

    `kind` is what it reconciles, `owns` are kinds whose changes concern the owner.
    """

    kind: ClassVar[str] = ""
    owns: ClassVar[tuple[str, ...]] = ()
    delay: ClassVar[float] = 0.0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        CONTROLLERS.append(cls)

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.view = cluster.view

    @abstractmethod
    def sync(self, key: NamespacedName) -> float | None:
        """Reconciles one object; returns after how many simulated seconds to look again, or None."""

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        """Queues the objects that an event concerns."""
        for key in self.concerned(event, obj, old):
            self.cluster.loop.soon(self.sync, key)

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:  # noqa: ARG002
        kind = kind_of(obj)
        if kind == self.kind:
            yield key_of(obj)
        if kind in self.owns:
            yield from self._owner_keys(obj)
            if old is not None and controller_of(old) != controller_of(obj):
                yield from self._owner_keys(old)

    def _owner_keys(self, obj: Object) -> Iterable[NamespacedName]:
        owner = controller_of(obj)
        if owner is not None and owner["kind"] == self.kind.rpartition("/")[2]:
            yield NamespacedName(obj["metadata"].get("namespace", ""), owner["name"])


def load() -> list[type[Controller]]:
    """All controllers of this package."""
    modules_of(__name__.rpartition(".")[0])
    return CONTROLLERS
