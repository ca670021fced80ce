"""The demo's processes: started in order, ended in the reverse of it, whatever happens."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE = 10


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Processes:
    """Child processes whose output goes to files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            if process.stdout:
                process.stdout.close()

    def start(self, name: str, command: list[str], variables: Mapping[str, str], *, tells: bool = False) -> Any:
        """Starts a process; where it `tells`, waits for its first line on stdout and returns that line's JSON."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                command,
                env={**os.environ, **variables},
                stdout=subprocess.PIPE if tells else log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509
                start_new_session=True,
            )
        self.running[name] = process
        return self._first_line(name, process) if tells else None

    def _first_line(self, name: str, process: subprocess.Popen[bytes]) -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(self.obituary(name))
        return json.loads(line)

    def obituary(self, name: str) -> str:
        """Why a process is not there any more: the end of its log."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"The demo's {name} has ended. Its last words ({self.folder / name}.log):", *lines])

    def check(self) -> None:
        """SystemExit with the last words of a process that has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise SystemExit(self.obituary(name))

    def wait_for(self, url: str, seconds: float = 60) -> None:
        """Until the address answers; SystemExit where a process dies or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            try:
                with urlopen(url, timeout=2):  # noqa: S310 # nosec B310
                    return
            except (URLError, OSError):
                time.sleep(0.2)
        raise SystemExit(f"{url} did not answer within {seconds:.0f} s. The logs are in {self.folder}.")
