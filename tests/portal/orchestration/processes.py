"""Processes that work on the test's own database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

ORCHESTRATE = ("-m", "tests.portal.orchestration.orchestrate")


def database_url() -> str:
    """The URL of the database that this test writes to."""
    database = connection.settings_dict
    name = str(database["NAME"])
    if connection.vendor != "postgresql":
        return f"sqlite:///{name}"
    user = database["USER"] + (f":{database['PASSWORD']}" if database["PASSWORD"] else "")
    return f"postgresql://{user}@{database['HOST']}:{database['PORT']}/{name}"


def start(folder: Path, *command: str, **variables: str) -> subprocess.Popen[bytes]:
    """Starts Python with a command, in a session of its own."""
    environment = os.environ | {"SLIPWAY_DATABASE_URL": database_url(), "SLIPWAY_VAR": str(folder)} | variables
    return subprocess.Popen([sys.executable, *command], env=environment, cwd=settings.BASE_DIR, start_new_session=True)


@contextmanager
def orchestrator(folder: Path, jobs: int = 2, lease: int = 4) -> Iterator[subprocess.Popen[bytes]]:
    """One that does the tests' work too, until the end of the block; then it is told to stop, where it runs."""
    process = start(folder, *ORCHESTRATE, SLIPWAY_JOB_WORKERS=str(jobs), SLIPWAY_LEASE_SECONDS=str(lease))
    try:
        yield process
        stop(process)
    finally:
        process.kill()
        process.wait(10)
        wait(lambda: not alive_in_session(process.pid), 10)


def stop(process: subprocess.Popen[bytes], seconds: float = 30) -> int:
    """SIGTERM; its exit code. TimeoutExpired."""
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)


def wait(condition: Callable[[], object], seconds: float = 15) -> None:
    """Until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def alive_in_session(session: int) -> list[int]:
    """Processes of a session, by /proc, without those that have ended and wait for their parent."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        state, _, _, in_session = rest.rpartition(") ")[2].split()[:4]
        if int(in_session) == session and state != "Z":
            found.append(int(pid))
    return found


def parent_of(pid: int) -> int:
    """The process that started it. FileNotFoundError where it is gone."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
