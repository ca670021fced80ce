"""`manage.py orchestrate`, that also writes down when each rollout was due, leased and done.

python -m benchmarks.recorded_orchestrate FOLDER: there a file a process; lines "due ID SECONDS", "begun …", "done …".
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
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


def recording_leases(lease: Callable[..., Any], due: Callable[..., Any]) -> Callable[..., Any]:
    def leased(now: datetime, most: int) -> Any:
        times = dict(due(now).values_list("pk", "due_at")[:most])
        found = lease(now, most)
        for pk, _cluster, _ticket in found:
            if pk in times:
                note("due", pk, times[pk].timestamp())
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
    from releases.orchestrator import claims, reconciler

    claims.lease_due = recording_leases(claims.lease_due, claims.due)
    reconciler.advance_one = recording_passes(reconciler.advance_one)
    execute_from_command_line(["manage.py", "orchestrate"])


if __name__ == "__main__":
    main()
