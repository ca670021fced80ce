"""What the commands share: who acts, and following a rollout to its end in a terminal or a log."""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from environments.manifests.errors import BundleError
from environments.models import Environment
from environments.sources import FetchLater
from portal.actors import Actor
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable
from portal.roles import Verb
from releases.errors import PlanPostponed, PlanRefused, Unacceptable
from releases.models import Application, Release, Rollout, Step
from releases.states import ENDED, InvalidTransition, Phase
from releases.vouched import Doubtful

LOOK_EVERY = 0.5
# What a command ends with in the words that it comes with, and not with where in the code it was.
REFUSALS = (
    PermissionDenied,
    InvalidTransition,
    Unacceptable,
    BundleError,
    PlanRefused,
    PlanPostponed,
    FetchLater,
    Doubtful,
    BlobError,
    SecretUnreadable,
)
TIMED_OUT = 5
# What a script reads: 1 is a failure, 3 a no of people or of time, 4 a way back.
STATUS = {
    Phase.SUCCEEDED: 0,
    Phase.FAILED: 1,
    Phase.REJECTED: 3,
    Phase.EXPIRED: 3,
    Phase.CANCELLED: 3,
    Phase.ABORTED: 4,
    Phase.ROLLED_BACK: 4,
}


def add_actor(parser: ArgumentParser) -> None:
    """--as."""
    parser.add_argument(
        "--as", dest="user", default="", help="Who acts; without it the user of SLIPWAY_USER, else the shell."
    )


def add_wait(parser: ArgumentParser) -> None:
    """--wait and its limit."""
    parser.add_argument("--wait", action="store_true", help="Follow it to its end; the exit status tells the outcome.")
    parser.add_argument("--timeout", type=float, default=3600, help="Seconds to follow it at most (3600).")


def actor_of(name: str) -> Actor:
    """The user who acts; without one the shell itself, which may all but vote: who has it has the database too.

    CommandError where the user is not there.
    """
    wanted = name or os.environ.get("SLIPWAY_USER", "")
    if not wanted:
        return Actor.shell().granted(Environment.objects.values_list("name", flat=True), list(Verb))
    user = User.objects.filter(username=wanted, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {wanted}. Create it on /admin/, with a role in the environment.")
    return Actor.of(user)


def application_of(name: str) -> Application:
    found = Application.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no application {name}; there are: {_names(Application.objects.all())}.")
    return found


def environment_of(name: str) -> Environment:
    found = Environment.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no environment {name}; there are: {_names(Environment.objects.all())}.")
    return found


def release_of(application: Application, version: str) -> Release:
    found = application.releases.filter(version=version).first()
    if found is None:
        newest = ", ".join(application.releases.values_list("version", flat=True)[:5]) or "none"
        raise CommandError(f"{application} has no release {version}; the newest are: {newest}.")
    return found


def _names(rows: Any) -> str:
    return ", ".join(rows.values_list("name", flat=True)) or "none"


class Display(Protocol):
    """Shows a rollout as it goes on."""

    def show(self, rollout: Rollout, done: int, total: int, label: str) -> None: ...


class Lines:
    """A line for each change: for logs of CI."""

    def __init__(self, out: OutputWrapper) -> None:
        self.out = out
        self.last = ""

    def show(self, rollout: Rollout, done: int, total: int, label: str) -> None:
        steps = f" · {done}/{total} {label}".rstrip() if total else ""
        line = f"{rollout.phase}{steps}" + (f" · {rollout.why}" if rollout.why else "")
        if line != self.last:
            self.out.write(line)
            self.last = line


class Bar:
    """A bar that grows step by step: for people."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("", total=None, label="", why="")

    def show(self, rollout: Rollout, done: int, total: int, label: str) -> None:
        why = (rollout.why or "").splitlines()
        self.progress.update(
            self.task,
            description=rollout.phase,
            completed=done,
            total=total or None,
            label=label,
            why=why[0][:120] if why else "",
        )


@contextmanager
def display(out: OutputWrapper) -> Iterator[Display]:
    """A bar where there is a terminal, lines elsewhere."""
    if not (out.isatty() and sys.stdout.isatty()):
        yield Lines(out)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[label]}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[why]}"),
    )
    with Progress(*columns, console=Console()) as progress:
        yield Bar(progress)


def follow(rollout: Rollout, out: OutputWrapper, timeout: float) -> int:
    """Shows the rollout until it has ended; the exit status that tells how."""
    until = time.monotonic() + timeout
    with display(out) as shown:
        while time.monotonic() < until:
            rollout.refresh_from_db()
            shown.show(rollout, *_steps(rollout))
            if rollout.phase in ENDED:
                break
            time.sleep(LOOK_EVERY)
    if rollout.phase not in ENDED:
        out.write(f"Rollout {rollout.pk} is still {rollout.phase} after {timeout:.0f} s; it goes on without us.")
        return TIMED_OUT
    out.write(f"Rollout {rollout.pk} {rollout.phase}. {rollout.why}".strip())
    return STATUS[Phase(rollout.phase)]


def _steps(rollout: Rollout) -> tuple[int, int, str]:
    """Steps done, steps in all, and the label of the one at work; of the way back once there is one."""
    steps = list(Step.objects.filter(rollout=rollout).order_by("index"))
    track = [step for step in steps if step.track == "back"] or steps
    done = sum(step.state in (Step.State.DONE, Step.State.SKIPPED) for step in track)
    running = next((step.label for step in track if step.state == Step.State.RUNNING), "")
    return done, len(track), running
