"""python -m tests.portal.orchestration.kills FOLDER KILLS (jobs | passes): work on two orchestrators that are killed.

SLIPWAY_DATABASE_URL names a migrated database that nobody else uses. Prints a report as JSON.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from portal.models import AuditEntry, Job  # noqa: E402
from portal.orchestration.jobs import cancel, submit  # noqa: E402
from tests.crash.processes import Orchestrator, descendants  # noqa: E402
from tests.portal.orchestration import pass_kind  # noqa: E402
from tests.portal.orchestration.job_kinds import folder_of  # noqa: E402
from tests.portal.orchestration.processes import ORCHESTRATE, parent_of  # noqa: E402

SPACING = 0.4  # seconds between kills
AT_ONCE = 10  # rows under way
SETTLE = 120.0
UP = 5  # processes of a queue that works: guard, pusher, monitor, two workers
KINDS = ("tests.copied", "tests.resumed", "tests.resumed", "tests.once")
State = Job.State
OPEN = (State.PENDING, State.RUNNING)


def main(folder: Path, kills: int, what: str) -> dict[str, Any]:
    random.seed(int(os.environ.get("SLIPWAY_TEST_SEED", "7")))
    hosts = [Orchestrator(f"host{n}", os.environ, folder / f"host{n}.log", ORCHESTRATE) for n in (1, 2)]
    more, kill, told = PLAYS[what]
    began = time.monotonic()
    killed = play(hosts, kills, lambda: more(folder), kill)
    stops = [round(host.end(), 2) for host in hosts]
    return {
        "seconds": round(time.monotonic() - began, 1),
        "kills": sum(killed.values()),
        "killed": dict(killed),
        "starts": [host.starts for host in hosts],
        "stops": stops,
        "ends": dict(Counter(Job.objects.values_list("state", flat=True))),
        "open": [f"{job.kind} {job.pk}: {job.state} {job.why}" for job in Job.objects.filter(state__in=OPEN)],
        **told(folder),
    }


def play(hosts: list[Orchestrator], kills: int, more: Callable[[], None], kill: Callable[..., str]) -> Counter[str]:
    """Until enough was killed and everything has ended; what was killed how often."""
    killed: Counter[str] = Counter()
    kill_at, settle = time.monotonic() + 3, 0.0
    while True:
        enough = sum(killed.values()) >= kills
        if not enough:
            more()
        elif not Job.objects.filter(state__in=OPEN).exists():
            return killed
        settle = settle or (time.monotonic() + SETTLE if enough else 0.0)
        if settle and time.monotonic() > settle:
            return killed
        for host in hosts:
            host.tend()
        if not enough and time.monotonic() >= kill_at:
            if done := kill(random.choice(hosts)):
                killed[done] += 1
            kill_at = time.monotonic() + random.uniform(0.5, 1.5) * SPACING
        time.sleep(0.05)


# Jobs


def ask_for_jobs(folder: Path) -> None:
    """Keeps some under way: most go well, some fail, some are cancelled at some point."""
    under_way = Job.objects.filter(state__in=OPEN)
    for _ in range(AT_ONCE - under_way.count()):
        arguments = {"folder": str(folder), "chunks": random.randint(10, 30), "pause": 40}
        if random.random() < 0.15:
            arguments["fails_at"] = random.randrange(10)
        submit(random.choice(KINDS), arguments, label="for the kills")
    if random.random() < 0.01 and (job := under_way.order_by("?").first()):
        cancel(job, "the test")


def kill_a_job(host: Orchestrator) -> str:
    """SIGKILL to a worker in the middle of a job, mostly; what was killed, or "" where nothing was there."""
    owners = Job.objects.filter(state=State.RUNNING).exclude(lease_owner="").values_list("lease_owner", flat=True)
    named = [int(owner.split("/")[-3]) for owner in owners if owner.count("/") >= 3]
    workers = [pid for pid in named if Path(f"/proc/{pid}").exists()]
    dice = random.random()
    if not workers or not host.alive:
        return ""
    try:
        if dice < 0.08:
            os.kill(host.pid, signal.SIGKILL)
            return "orchestrator"
        worker = random.choice(workers)
        if dice < 0.16:
            os.kill(parent_of(worker), signal.SIGKILL)
            return "host of job workers"
        if dice < 0.26:
            os.kill(worker, signal.SIGSTOP)
            return "stopped for good"
        if dice < 0.34:
            os.kill(worker, signal.SIGTERM)
            return "told to end"
        os.kill(worker, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return ""
    return "job worker"


def jobs_told(folder: Path) -> dict[str, Any]:
    """What has to be empty, and what shows that there was something."""
    jobs = list(Job.objects.all())
    ended = Counter(AuditEntry.objects.filter(verb="test.ended").values_list("target_id", flat=True))
    return {
        "jobs": len(jobs),
        "taken up": sum(len(tokens_of(folder, job)) for job in jobs),
        "wrong ends": [f"{job.kind} {job.pk}: {job.state} {job.why}" for job in jobs if not as_meant(job)],
        "not told once": [str(job.pk) for job in jobs if ended[str(job.pk)] != 1],
        "not whole": [f"{job.kind} {job.pk}" for job in jobs if job.state == State.DONE and not whole(folder, job)],
        "left behind": [str(job.pk) for job in jobs if job.state != State.DONE and traces(folder, job)],
        "two at once": [str(job.pk) for job in jobs if falls(tokens_in_order(folder, job))],
        "longest gap": round(max((gap(folder, job) for job in jobs), default=0.0), 1),
    }


def as_meant(job: Job) -> bool:
    if job.state == State.CANCELLED:
        return job.cancel_asked_at is not None
    if job.state == State.FAILED:
        return "fails_at" in job.arguments or (job.kind == "tests.once" and "not begun twice" in job.why)
    return job.state == State.DONE and "fails_at" not in job.arguments and job.done == job.total


def traces(folder: Path, job: Job) -> list[list[str]]:
    file = folder_of({"folder": folder}, "traces") / str(job.pk)
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def whole(folder: Path, job: Job) -> bool:
    """Each chunk once and in order; all by one worker, where it begins anew after a kill."""
    lines = traces(folder, job)
    tokens = [int(token) for token, _ in lines]
    in_order = [int(chunk) for _, chunk in lines] == list(range(job.arguments["chunks"]))
    fenced = not falls(tokens) if job.kind == "tests.resumed" else len(set(tokens)) == 1
    return in_order and fenced and job.result == {"chunks": len(lines)}


def journal(folder: Path, job: Job) -> list[list[str]]:
    file = folder_of({"folder": folder}, "journal") / str(job.pk)
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def tokens_in_order(folder: Path, job: Job) -> list[int]:
    """The fence of everything that was ever done for it, in the order in which it was done."""
    return [int(line[0]) for line in journal(folder, job)]


def tokens_of(folder: Path, job: Job) -> set[int]:
    return set(tokens_in_order(folder, job))


def falls(numbers: list[int]) -> bool:
    """Whether something was done by one that another had followed already."""
    return any(later < earlier for earlier, later in pairwise(numbers))


def gap(folder: Path, job: Job) -> float:
    """The longest time between two traces, in seconds."""
    times = [float(line[2]) for line in journal(folder, job)]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


# Passes


def ask_for_passes(folder: Path) -> None:
    for _ in range(AT_ONCE - Job.objects.filter(state=State.PENDING).count()):
        arguments = {"folder": str(folder), "chunks": random.randint(10, 30), "pause": 100}
        Job.objects.create(kind=pass_kind.NAME, label="passes", arguments=arguments, due_at=timezone.now())


def kill_a_pass(host: Orchestrator) -> str:
    """SIGKILL to a process of the queue, mostly a worker, its pusher or its monitor; "" where it is not up yet."""
    family = descendants(host.pid) if host.alive else []
    if len(family) < UP:
        return ""
    dice = random.random()
    pid, what = (host.pid, "orchestrator") if dice < 0.05 else (random.choice(family), "process of the queue")
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return what


def passes_told(folder: Path) -> dict[str, Any]:
    rows = list(Job.objects.all())
    lines = {row.pk: pass_lines(folder, row) for row in rows}
    return {
        "rows": len(rows),
        "passes": counted(lines, "begun"),
        "broken off": counted(lines, "begun") - counted(lines, "saved"),
        "not done": [str(row.pk) for row in rows if row.state != State.DONE or row.done != row.arguments["chunks"]],
        "saved twice": [str(row.pk) for row in rows if max(saved(lines[row.pk]).values(), default=0) > 1],
        "never begun": [str(row.pk) for row in rows if begun(lines[row.pk]) != set(range(row.arguments["chunks"]))],
        "two at once": [str(row.pk) for row in rows if overlapping(lines[row.pk])],
    }


def counted(lines: dict[int, list[list[str]]], what: str) -> int:
    return sum(line[0] == what for told in lines.values() for line in told)


def pass_lines(folder: Path, row: Job) -> list[list[str]]:
    file = folder_of({"folder": folder}, "passes") / str(row.pk)
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def saved(lines: list[list[str]]) -> Counter[str]:
    return Counter(number for what, _, number, _ in lines if what == "saved")


def begun(lines: list[list[str]]) -> set[int]:
    return {int(number) for what, _, number, _ in lines if what == "begun"}


def overlapping(lines: list[list[str]]) -> bool:
    """Whether a pass did something after the next one had begun; that it was saved it may still say."""
    current = ""
    for what, token, _, _ in lines:
        if what == "begun":
            current = token
        elif what == "ending" and token != current:
            return True
    return False


PLAYS = {"jobs": (ask_for_jobs, kill_a_job, jobs_told), "passes": (ask_for_passes, kill_a_pass, passes_told)}

if __name__ == "__main__":
    report = main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
