"""`kubectl rollout status` and a raw watch on one change, both beside the portal."""

import json
import threading
import time

from benchmarks.cluster import RealCluster
from benchmarks.ready import Observer

PATIENCE = 120.0


class Beside(threading.Thread):
    """Starts kubectl as soon as the Deployment has changed. `start` it before the change."""

    def __init__(self, cluster: RealCluster, namespace: str, name: str) -> None:
        super().__init__(daemon=True)
        self._cluster, self._place = cluster, (f"deployment/{name}", "-n", namespace)
        self._observer = Observer(cluster.access, namespace, name, self._generation())
        self._kubectl = 0.0

    def _generation(self) -> int:
        said, _ = self._cluster.start("get", *self._place, "-o", "json").communicate(timeout=10)
        return int(json.loads(said)["metadata"]["generation"])

    def run(self) -> None:
        self._observer.start()
        if self._observer.changed_event.wait(PATIENCE):
            self._cluster.run("rollout", "status", *self._place)
            self._kubectl = time.time()

    def instants(self) -> tuple[float, float, float]:
        """(changed, ready, kubectl has ended); RuntimeError where it was not seen to end."""
        self.join(PATIENCE)
        self._observer.ready_event.wait(PATIENCE)
        self._observer.close()
        if not (self._kubectl and self._observer.ready):
            raise RuntimeError("The change was not seen to its end.")
        return self._observer.changed, self._observer.ready, self._kubectl
