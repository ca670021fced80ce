"""The queue's processes on this host: started, watched and stopped by the command that owns them."""

import os
import signal
import threading

import structlog
from django.db import connections
from django_q.cluster import Cluster
from django_q.conf import Conf

from portal.orchestration.queue import orphans, progress

log = structlog.get_logger(__name__)
# Above the longest that a message may take: all workers may be at one of those at once.
WEDGED_AFTER = Conf.TIMEOUT + 15.0


class QueueCluster:
    """A django-q2 cluster whose processes die with their parent and whose stop has a deadline.

    Start it from the main thread, before any other thread is: its processes are forks. It leaves the
    signal handlers of its owner alone.
    """

    def __init__(self) -> None:
        self._cluster: Cluster | None = None

    def start(self) -> None:
        """Starts pusher, workers and monitor; RuntimeError where they do not come up."""
        orphans.die_with_parent()
        progress.restart()
        # A fork shares sockets: a child that closes an inherited one would end the parent's session.
        connections.close_all()
        handlers = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
        self._cluster = Cluster()
        for name, handler in handlers.items():
            signal.signal(name, handler)
        self._cluster.start()

    @property
    def alive(self) -> bool:
        """Whether the process that guards the others is there."""
        return self._cluster is not None and self._cluster.sentinel.is_alive()

    def wedged(self, limit: float = WEDGED_AFTER) -> str:
        """Why it does not get on, or ""; the owner then ends, so that its supervisor starts it anew."""
        if not self.alive:
            return "the queue's processes have died"
        return progress.current.wedged(limit)

    def stop(self, deadline: float = 20.0) -> bool:
        """Finishes what was claimed, for at most `deadline` seconds; then kills. True where it was clean."""
        if self._cluster is None or not self.alive:
            return True
        sentinel = self._cluster.sentinel
        # From a thread: a process that was killed while it held the event's lock would block this one for ever.
        threading.Thread(target=self._cluster.stop_event.set, daemon=True).start()
        sentinel.join(deadline)
        if not sentinel.is_alive():
            return True
        log.warning("The queue did not stop in time and is killed.", seconds=deadline)
        os.kill(sentinel.pid, signal.SIGKILL)
        sentinel.join(1)
        return False
