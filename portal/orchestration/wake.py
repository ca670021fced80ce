"""Having the loop of this process look at once, rather than at its next tick."""

from collections.abc import Callable

_pokes: list[Callable[[], None]] = []


def on_poke(listener: Callable[[], None]) -> None:
    """Has `listener` called whenever this process makes something due: the loop of an orchestrator listens."""
    _pokes.append(listener)


def poke() -> None:
    """Something is due now; from any thread."""
    for each in _pokes:
        each()
