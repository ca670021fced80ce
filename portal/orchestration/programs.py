"""Programs that long jobs start: none outlives the worker that started it, however that ends."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BOUND = Path(__file__).with_name("bound_program.py")


def start(command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """As subprocess.Popen, but the program is killed when the thread that starts it ends: start it from a job's own.

    FileNotFoundError and the like show as exit code 127. Elsewhere than on Linux it is Popen alone.
    """
    if not sys.platform.startswith("linux"):
        return subprocess.Popen(command, **options)  # noqa: S603
    # Not between fork and exec, where a process with threads could hang: an interpreter of its own binds it.
    return subprocess.Popen([sys.executable, "-I", "-S", str(BOUND), *command], **options)  # noqa: S603
