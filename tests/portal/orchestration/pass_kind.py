"""Passes of the tests: rows of `Job` of the kind "tests.passes", each to be passed over `chunks` times.

Each pass leaves lines in the folder's `passes/ID`: "begun TOKEN CHUNK SECONDS", and "done …" after its save.
"""

import contextlib
import time
import uuid
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from portal.models import Job
from portal.orchestration import work
from portal.orchestration.leases import Lease, Leases, Lost
from portal.orchestration.work import PassKind
from tests.portal.orchestration.job_kinds import folder_of

NAME = "tests.passes"
ROWS = Leases(Job, Q(kind=NAME, state=Job.State.PENDING), Lease[Job])


def advance(ids: str, ticket: str) -> None:
    """One pass over each row of a ticket."""
    for lease in ROWS.take([int(each) for each in ids.split(",")], ticket):
        with contextlib.suppress(Lost):
            pass_over(lease)


def pass_over(lease: Lease[Job]) -> None:
    row, token = lease.row, uuid.uuid4().hex
    note(row, "begun", token)
    time.sleep(row.arguments["pause"] / 1000)
    last = row.done + 1 >= row.arguments["chunks"]
    state = Job.State.DONE if last else Job.State.PENDING
    due_at = None if last else timezone.now() + timedelta(milliseconds=10)
    note(row, "ending", token)
    if lease.release({"done": row.done + 1, "state": state}, due_at):
        note(row, "saved", token)


def note(row: Job, what: str, token: str) -> None:
    """One line, by the clock that all processes share."""
    with (folder_of(row.arguments, "passes") / str(row.pk)).open("a") as file:
        file.write(f"{what} {token} {row.done} {time.monotonic():.6f}\n")


work.register(PassKind(name=NAME, leases=ROWS, path=f"{__name__}.advance"))
