"""Orchestrators as processes that are killed and started again, as a supervisor would."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
ORCHESTRATE = ("manage.py", "orchestrate")


class Orchestrator:
    """One `manage.py orchestrate`, or a `command` that is like it, started again whenever it ends."""

    def __init__(
        self, name: str, environment: Mapping[str, str], log: Path, command: Sequence[str] = ORCHESTRATE
    ) -> None:
        self._command = command
        self._name = name
        self._environment = environment
        self._log = log
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.tend()

    def tend(self) -> None:
        """Starts it where it is not running."""
        if self._process is None or self._process.poll() is not None:
            with self._log.open("ab") as out:
                self._process = subprocess.Popen(
                    [sys.executable, *self._command, "--stuck-after", "5"],
                    cwd=ROOT,
                    env=dict(self._environment),
                    stdout=out,
                    stderr=out,
                )
            self.starts += 1

    @property
    def pid(self) -> int:
        """Of its main process."""
        assert self._process
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def kill_one(self) -> bool:
        """SIGKILL to a random one of its processes; False where there was none."""
        assert self._process
        family = [self._process.pid, *descendants(self._process.pid)]
        try:
            os.kill(random.choice(family), signal.SIGKILL)
        except ProcessLookupError:
            return False
        self._process.poll()
        return True

    def end(self, seconds: float = 20) -> float:
        """SIGTERM; the seconds that it took to end."""
        assert self._process
        began = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        return time.monotonic() - began


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(each) for each in text.split()]
    return [*children, *(below for child in children for below in descendants(child))]
