"""Things that happen side by side in one thread: generators that yield how many seconds they sleep."""

from collections.abc import Generator
from typing import TypeVar

Task = Generator[float, None, None]
Result = TypeVar("Result")
Part = Generator[float, None, Result]
FOREVER = float("inf")


class Tasks:
    """The tasks of one pod. A task that yields FOREVER sleeps until it is woken."""

    def __init__(self) -> None:
        self._due: dict[Task, float] = {}
        self._current: Task | None = None

    def start(self, task: Task, now: float) -> Task:
        self._due[task] = now
        return task

    def cancel(self, task: Task | None) -> None:
        """Ends a task, but not the one that is running and asks for it."""
        if task is not None and task is not self._current and self._due.pop(task, None) is not None:
            task.close()

    def wake(self, now: float, task: Task | None = None) -> None:
        """Makes one task, or all, due now."""
        for item in [task] if task is not None else list(self._due):
            if item in self._due:
                self._due[item] = min(self._due[item], now)

    def run(self, now: float) -> float | None:
        """Runs all that is due and returns when the next one is, or None."""
        while True:
            task = next((item for item, due in self._due.items() if due <= now), None)
            if task is None:
                break
            self._step(task, now)
        due = min(self._due.values(), default=FOREVER)
        return None if due == FOREVER else due

    def _step(self, task: Task, now: float) -> None:
        self._due[task] = FOREVER
        self._current = task
        try:
            pause = next(task)
        except StopIteration:
            self._due.pop(task, None)
        else:
            # Somebody may have woken it while it ran.
            self._due[task] = min(self._due.get(task, FOREVER), now + pause)
        finally:
            self._current = None
