"""Has the orchestrator's loop forget old failures to sign in."""

import time

from portal.orchestration.queue.sweeps import on_sweep
from portal.people import door

EVERY = 300.0


class Forgetting:
    """Once in five minutes."""

    due = 0.0

    def __call__(self) -> None:
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + EVERY
            door.sweep()


on_sweep(Forgetting())
