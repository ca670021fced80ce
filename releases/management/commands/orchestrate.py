"""The orchestrator: the queue's processes, the watches, and the loop that hands out what is due."""

import os
import signal
import socket
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection

from environments.workload_sync import Watching
from portal import audit
from portal.health import beat
from portal.orchestration.queue import QueueCluster
from portal.orchestration.queue.cluster import WEDGED_AFTER
from releases.orchestrator.loop import Loop, idle, objects_changed
from releases.wake import on_wake

log = structlog.get_logger(__name__)
SWEEP = 1.0
BEAT = 2.0
HEAD = 60.0  # what of the history is not in a published head yet could be cut off unseen
STOP_SECONDS = 10.0


class Command(BaseCommand):
    """Ends on SIGTERM and SIGINT after what is under way; with status 1 where it is stuck, for its supervisor."""

    help = "Plans, starts, moves and watches rollouts. Run it on as many hosts as you like."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="End when no rollout is under way.")
        parser.add_argument(
            "--stuck-after", type=float, default=WEDGED_AFTER, help="Seconds without progress after which to end."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        stop = _stop_on_signals()
        queue = QueueCluster()
        queue.start()
        loop = Loop()
        on_wake(loop.poke)
        watching = Watching(f"{socket.gethostname()}/{os.getpid()}", objects_changed)
        watching.start()
        try:
            trouble = _run(loop, queue, stop, options)
        finally:
            watching.stop()
            clean = queue.stop(STOP_SECONDS)
            watching.join(5)
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


def _run(loop: Loop, queue: QueueCluster, stop: threading.Event, options: dict[str, Any]) -> str:
    """Until it is told to stop; why it gave up, or ""."""
    log.info("running", pid=os.getpid())
    duties = (
        Duty(SWEEP, partial(_sweep, loop)),
        Duty(BEAT, partial(beat, "orchestrator")),
        Duty(HEAD, audit.keep_publishing),
    )
    while not stop.is_set():
        try:
            loop.tick()
            for duty in duties:
                duty.do()
            if trouble := queue.wedged(options["stuck_after"]):
                log.error("stuck", why=trouble)
                return trouble
            if options["until_idle"] and idle():
                break
        except Error:
            log.exception("The database failed.")
            connection.close()
            stop.wait(1)
        loop.wait()
    return ""


def _sweep(loop: Loop) -> None:
    close_old_connections()
    loop.sweep()


class Duty:
    """What is done every so many seconds."""

    def __init__(self, seconds: float, work: Callable[[], object]) -> None:
        self._seconds = seconds
        self._work = work
        self._due = 0.0

    def do(self) -> None:
        """Does it if it is time."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._seconds
            self._work()
