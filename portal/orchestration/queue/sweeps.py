"""What the orchestrator's loop looks after once in a while, so that nothing hangs on one message of the queue."""

from collections.abc import Callable

Sweep = Callable[[], object]
_sweeps: list[Sweep] = []


def on_sweep(sweep: Sweep) -> Sweep:
    """Has the function called about once a second: it reads first, and leases and queues what is due."""
    if sweep not in _sweeps:
        _sweeps.append(sweep)
    return sweep


def run() -> None:
    """Calls them all; what one raises is the caller's."""
    for sweep in _sweeps:
        sweep()
