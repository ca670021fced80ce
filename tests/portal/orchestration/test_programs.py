"""A program that a job starts ends with the job's worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from portal.orchestration import programs
from tests.portal.orchestration.processes import wait

WORKER = """
import sys
from portal.orchestration import programs
program = programs.start(["sleep", "600"])
sys.stdout.write(f"{program.pid}\\n")
sys.stdout.flush()
program.wait()
"""


def test_it_is_killed_with_the_process_that_started_it() -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=settings.BASE_DIR, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    program = int(worker.stdout.readline())
    wait(lambda: b"sleep" in Path(f"/proc/{program}/cmdline").read_bytes().split(b"\0")[0])
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)
    worker.stdout.close()
    wait(lambda: not Path(f"/proc/{program}").exists())


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["sh", "-c", "echo $0 out; exit 3", "x y"], 3, b"x y out\n"),
        (["no-such-program"], 127, b"no-such-program: No such file or directory\n"),
    ],
)
def test_it_is_as_if_it_were_started_by_itself(command: list[str], code: int, said: bytes) -> None:
    program = programs.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = program.communicate(timeout=30)
    assert (program.returncode, out) == (code, said)
