"""What runs beside the orchestrator's loop for as long as it does, such as the watches of clusters."""

from collections.abc import Callable
from typing import Protocol


class Companion(Protocol):
    """A thread, or what behaves like one."""

    def start(self) -> None:
        """Begins; returns at once."""

    def stop(self) -> None:
        """Is to end; returns at once."""

    def join(self, timeout: float | None = None) -> None:
        """Waits for its end, at most so many seconds."""


Factory = Callable[[str], Companion]
_factories: list[Factory] = []


def register(factory: Factory) -> None:
    """Has every orchestrator run what `factory(host)` makes; `host` names the orchestrator's process."""
    if factory not in _factories:
        _factories.append(factory)


def companions(host: str) -> list[Companion]:
    """A new one of each."""
    return [factory(host) for factory in _factories]
