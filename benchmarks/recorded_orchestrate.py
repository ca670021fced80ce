"""`manage.py orchestrate`, that also writes down when each rollout was due, leased and done.

python -m benchmarks.recorded_orchestrate FOLDER: there a file a process; lines "due ID SECONDS", "begun …", "done …".
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import django
from django.core.management import execute_from_command_line

_files: dict[int, TextIO] = {}


def note(what: str, rollout: int, at: float) -> None:
    """A line in this process's file."""
    file = _files.get(os.getpid())
    if file is None:
        file = _files[os.getpid()] = (Path(sys.argv[1]) / f"{os.getpid()}.passes").open("a", buffering=1)
    file.write(f"{what} {rollout} {at:.6f}\n")


def recording_leases(lease: Callable[..., Any]) -> Callable[..., Any]:
    def leased(*arguments: Any) -> Any:
        found = lease(*arguments)
        for ticket in found:
            note("due", ticket.pk, ticket.due_at.timestamp())
        return found

    return leased


def recording_passes(advance: Callable[..., Any]) -> Callable[..., Any]:
    def advanced(claim: Any) -> None:
        note("begun", claim.rollout.pk, time.time())
        advance(claim)
        note("done", claim.rollout.pk, time.time())

    return advanced


def main() -> None:
    """Patches the two places and runs the command."""
    django.setup()
    from releases.orchestrator import reconciler
    from releases.orchestrator.claims import CLAIMS

    CLAIMS.lease = recording_leases(CLAIMS.lease)  # type: ignore[method-assign]
    reconciler.advance_one = recording_passes(reconciler.advance_one)
    execute_from_command_line(["manage.py", "orchestrate"])


if __name__ == "__main__":
    main()
