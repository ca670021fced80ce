"""When a Deployment is up: a raw watch, judged as `kubectl rollout status` does, with the instants of what it told."""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from environments.kube.api.access import Access
from environments.kube.api.client import Gateway


class Observer(threading.Thread):
    """Watches one Deployment. `changed`: when a new generation was first seen; `ready`: when that one was up."""

    def __init__(self, kubeconfig: str, namespace: str, name: str, generation: int) -> None:
        super().__init__(daemon=True)
        self.changed = self.ready = 0.0
        self.changed_event, self.ready_event = threading.Event(), threading.Event()
        self._before = generation
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        query = (("watch", "true"), ("fieldSelector", f"metadata.name={name}"))
        self._lines = Gateway(Access.from_kubeconfig(kubeconfig)).stream(path, query=query)

    def run(self) -> None:
        for line in self._lines:
            now, deployment = time.time(), json.loads(line)["object"]
            if deployment["metadata"]["generation"] == self._before:
                continue
            if not self.changed:
                self.changed = now
                self.changed_event.set()
            if is_up(deployment):
                self.ready = now
                self.ready_event.set()
                return

    def close(self) -> None:
        """Ends the watch."""
        self._lines.close()


def is_up(deployment: Mapping[str, Any]) -> bool:
    """Whether `kubectl rollout status` would end with success here."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return bool(seen and updated >= wanted and total <= updated and status.get("availableReplicas", 0) >= updated)
