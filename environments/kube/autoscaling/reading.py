"""Reads the autoscalers of a cluster at intervals: one list a kind, whatever the number of rollouts."""

import logging
import random
import threading
from collections.abc import Callable

from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, KindMissing, KubeError
from environments.kube.autoscaling import scalers, slim
from environments.kube.objects import Manifest

EVERY = 15.0  # seconds; an HPA looks at its metrics as often
ROUNDS_BETWEEN_TRIES = 20  # of a kind that is not there, or may not be listed
log = logging.getLogger(__name__)
chance = random.SystemRandom()


class AutoscalerReader(threading.Thread):
    """Tells of all autoscalers of a cluster every `every` seconds, until stop().

    `on_read` is called in this thread, with `slim` of each. A round in which the cluster does not answer tells nothing.
    """

    def __init__(self, gateway: Gateway, on_read: Callable[[list[Manifest]], None], every: float = EVERY) -> None:
        super().__init__(name="autoscalers", daemon=True)
        self._gateway = gateway
        self._on_read = on_read
        self._every = every
        self._ended = threading.Event()
        self._rests: dict[str, int] = {}

    def stop(self) -> None:
        """Ends the thread after what it is at. join() to wait for it."""
        self._ended.set()

    def run(self) -> None:
        """Reads, until stopped."""
        while not self._ended.is_set():
            try:
                self._on_read(self.read())
            except KubeError as error:
                log.info("The autoscalers could not be read: %s", error)
            except Exception:
                log.exception("the reading of autoscalers stumbled")
            self._ended.wait(self._every * chance.uniform(0.9, 1.1))

    def read(self) -> list[Manifest]:
        """Every autoscaler of the kinds that there are. Raises KubeError."""
        return [slim(obj) for scaler in scalers() for obj in self._list(scaler.api_version, scaler.kind)]

    def _list(self, api_version: str, kind: str) -> list[Manifest]:
        if self._rests.get(kind, 0) > 0:
            self._rests[kind] -= 1
            return []
        try:
            return self._gateway.list(api_version, kind)
        except (KindMissing, Denied):
            self._rests[kind] = ROUNDS_BETWEEN_TRIES
            return []
