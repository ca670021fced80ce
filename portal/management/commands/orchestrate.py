"""The orchestrator: the workers of the queue, those of jobs, what runs beside them, and the loop."""

import os
import signal
import socket
import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection

from portal import audit
from portal.health import beat
from portal.orchestration import companions, work
from portal.orchestration.companions import Companion
from portal.orchestration.duties import Duty, duties
from portal.orchestration.jobs.workers import JobWorkers
from portal.orchestration.loop import Loop
from portal.orchestration.queue import QueueCluster
from portal.orchestration.queue.cluster import WEDGED_AFTER
from portal.orchestration.wake import on_poke

log = structlog.get_logger(__name__)
SWEEP = 1.0
BEAT = 2.0
HEAD = 60.0  # what of the history is not in a published head yet could be cut off unseen
STOP_SECONDS = 10.0


class Command(BaseCommand):
    """Ends on SIGTERM and SIGINT after what is under way; with status 1 where it is stuck, for its supervisor."""

    help = "Does all work in the background: rollouts, calls, long jobs, watches. Run it on as many hosts as you like."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="End when nothing is under way.")
        parser.add_argument(
            "--stuck-after", type=float, default=WEDGED_AFTER, help="Seconds without progress after which to end."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        stop = _stop_on_signals()
        # Before any thread is there: their processes are forks.
        queue, jobs = QueueCluster(), JobWorkers()
        queue.start()
        jobs.start()
        loop = Loop()
        on_poke(loop.poke)
        beside = companions.companions(f"{socket.gethostname()}/{os.getpid()}")
        for companion in beside:
            companion.start()
        try:
            trouble = _run(loop, queue, jobs, stop, options)
        finally:
            clean = _end(queue, jobs, beside)
        log.info("stopped", clean=clean, trouble=trouble)
        if trouble:
            raise SystemExit(1)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        # No logging here: a handler may interrupt a thread that holds a lock of it.
        del number
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


def _run(loop: Loop, queue: QueueCluster, jobs: JobWorkers, stop: threading.Event, options: dict[str, Any]) -> str:
    """Until it is told to stop; why it gave up, or ""."""
    log.info("running", pid=os.getpid())
    to_do = _duties()
    while not stop.is_set():
        try:
            loop.tick()
            for duty in to_do:
                duty.do()
            if trouble := queue.wedged(options["stuck_after"]) or jobs.wedged(options["stuck_after"]):
                log.error("stuck", why=trouble)
                return trouble
            if options["until_idle"] and work.idle():
                break
        except Error:
            log.exception("The database failed.")
            connection.close()
            stop.wait(1)
        loop.wait()
    return ""


def _end(queue: QueueCluster, jobs: JobWorkers, beside: Sequence[Companion]) -> bool:
    """Ends all that was started; whether it ended by itself."""
    jobs.tell()
    for companion in beside:
        companion.stop()
    clean = queue.stop(STOP_SECONDS)
    clean = jobs.stop(STOP_SECONDS) and clean
    for companion in beside:
        companion.join(5)
    return clean


def _duties() -> list[Duty]:
    ours = [Duty(SWEEP, _sweep), Duty(BEAT, partial(beat, "orchestrator")), Duty(HEAD, audit.keep_publishing)]
    return [*ours, *duties()]


def _sweep() -> None:
    close_old_connections()
    work.sweep()
