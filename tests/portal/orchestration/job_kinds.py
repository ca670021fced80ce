"""Long jobs of the tests: each leaves traces outside the database, in a folder.

`traces/ID` has a line for each chunk that is there, `journal/ID` one for each that was ever written: token, chunk,
and when, by the clock that all processes share. What a job leaves and what it did can be told apart by the two.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal import audit
from portal.actors import SYSTEM
from portal.models import Job
from portal.orchestration.jobs import JobKind, RunningJob, job_kind


class Traced(JobKind):
    """Writes `chunks` lines, one each `pause` milliseconds, and says in the history how it ended."""

    tries = 1_000_000

    def run(self, job: RunningJob) -> Mapping[str, Any]:
        chunks = job.arguments["chunks"]
        for chunk in range(self.begun(job), chunks):
            job.report(chunk, chunks, "chunks")
            if chunk == job.arguments.get("fails_at"):
                raise ValueError("on purpose")
            self.write(job, chunk)
            time.sleep(job.arguments.get("pause", 0) / 1000)
        job.report(chunks, chunks, "chunks")
        return {"chunks": len(traces(job).read_text().splitlines())}

    def begun(self, job: RunningJob) -> int:
        """The chunk to begin with."""
        return 0

    def write(self, job: RunningJob, chunk: int) -> None:
        journal(job, f"chunk-{chunk}")
        with traces(job).open("a") as file:
            file.write(f"{job.token} {chunk}\n")

    def clean_up(self, job: RunningJob) -> None:
        job.report()
        journal(job, "clean-up")
        traces(job).unlink(missing_ok=True)

    def ended(self, job: Job) -> None:
        audit.record("test.ended", job, {"state": job.state}, actor=SYSTEM)


@job_kind("tests.copied")
class Copied(Traced):
    """Begins anew after a kill."""


@job_kind("tests.once")
class Once(Traced):
    """Has failed after a kill."""

    tries = 1


@job_kind("tests.resumed")
class Resumed(Traced):
    """Goes on after a kill with the chunk after the last that is whole."""

    resumable = True

    def begun(self, job: RunningJob) -> int:
        whole = job.checkpoint.get("whole", 0)
        lines = traces(job).read_text().splitlines(keepends=True) if traces(job).exists() else []
        # At once: killed between emptying and writing, it would have lost what is whole.
        fresh = traces(job).with_suffix(f".{job.token}")
        fresh.write_text("".join(lines[:whole]))
        fresh.replace(folder_of(job.arguments, "traces") / str(job.id))
        return whole

    def write(self, job: RunningJob, chunk: int) -> None:
        super().write(job, chunk)
        job.save_checkpoint({"whole": chunk + 1})


@job_kind("tests.silent")
class Silent(Traced):
    """Writes one chunk, then neither reports nor ends, the first time."""

    tries = 2
    quiet_seconds = 1.0

    def run(self, job: RunningJob) -> Mapping[str, Any]:
        self.write(job, 0)
        if job.attempt == 1:
            time.sleep(600)
        return {"attempt": job.attempt}


@job_kind("tests.deaf")
class Deaf(Traced):
    """Writes one chunk, then neither reports nor ends."""

    def run(self, job: RunningJob) -> Mapping[str, Any]:
        self.write(job, 0)
        time.sleep(600)
        return {}


@job_kind("tests.stubborn")
class Stubborn(Traced):
    """What it leaves cannot be removed while the folder has a file `stubborn`."""

    def clean_up(self, job: RunningJob) -> None:
        if (Path(job.arguments["folder"]) / "stubborn").exists():
            raise OSError("cannot be removed")
        super().clean_up(job)


def traces(job: RunningJob) -> Path:
    return folder_of(job.arguments, "traces") / str(job.id)


def journal(job: RunningJob, what: str) -> None:
    with (folder_of(job.arguments, "journal") / str(job.id)).open("a") as file:
        file.write(f"{job.token} {what} {time.monotonic():.6f}\n")


def folder_of(arguments: Mapping[str, Any], name: str) -> Path:
    folder = Path(arguments["folder"]) / name
    folder.mkdir(exist_ok=True)
    return folder
