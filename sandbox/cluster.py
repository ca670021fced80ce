"""What controllers, scheduler and kubelets work with: the view, the clock, the loop and a hand to write."""

import logging
from collections import deque
from collections.abc import Callable

from sandbox.behaviour import Behaviour
from sandbox.client import Client
from sandbox.clock import Clock
from sandbox.errors import ApiError
from sandbox.events import Recorder
from sandbox.loop import WorkLoop
from sandbox.meta import Object, uid_of
from sandbox.metrics.registry import Metrics
from sandbox.store import Store, StoreEvent
from sandbox.store import key_of as store_key
from sandbox.view import ClusterView

log = logging.getLogger(__name__)
Watcher = Callable[[str, Object, Object | None], None]


def _unknown(pod: Object, resource: str) -> float | None:
    del pod, resource
    return None


def _unheard(pod: Object) -> list[Behaviour]:
    del pod
    return []


class Hands:
    """Writes as the controllers of a cluster do. Each method may raise ApiError; a stale update is one."""

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client, self._recorder = client, recorder
        self.event = recorder.event

    def create(self, manifest: Object) -> Object:
        return self._client.create(manifest)

    def update(self, manifest: Object, subresource: str = "") -> Object:
        return self._client.update(manifest, subresource)

    def update_status(self, manifest: Object) -> Object:
        return self._client.update_status(manifest)

    def delete(self, obj: Object, *, propagation: str = "Background", grace: int | None = None) -> bool:
        """Deletes this very object; whether it was still there."""
        try:
            self._client.delete(obj, propagation=propagation, grace=grace, uid=obj["metadata"]["uid"])
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            return False
        return True


class SimulatedCluster:
    """One simulated cluster's inside. Events of the store reach the view in the loop's thread alone.

    `usage` tells what a pod uses of "cpu" (millicores) or "memory" (bytes), None where it does not run;
    `behaviours` how its running containers behave; `metrics` is what the edge counts;
    `authority` is the PEM text that every namespace gets.
    """

    def __init__(
        self, store: Store, client: Callable[[str], Client], clock: Clock, metrics: Metrics | None = None
    ) -> None:
        self.store, self.clock, self.client = store, clock, client
        self.loop = WorkLoop(clock, intake=self._take_in)
        self.view = ClusterView()
        self.recorder = Recorder(store, clock)
        self.hands = Hands(client("kube-controller-manager"), self.recorder)
        self.watchers: list[Watcher] = []
        self.usage: Callable[[Object, str], float | None] = _unknown
        self.behaviours: Callable[[Object], list[Behaviour]] = _unheard
        self.metrics = metrics or Metrics()
        self.authority = ""
        self._inbox: deque[tuple[str, Object]] = deque()
        self._unsubscribe: Callable[[], object] | None = None

    def start(self) -> None:
        """Takes in what is there, and from now on every change."""
        with self.store.lock:
            for group, kind in self.store.kinds():
                self._inbox.extend(("ADDED", obj) for obj in self.store.list(group, kind))
            self._unsubscribe = self.store.subscribe(self._hand_on)
        self.loop.wake()

    def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.loop.stop()

    def bind(self, pod: Object) -> None:
        """What the binding subresource does: node and condition in one write, whatever else was written since."""
        with self.store.lock:
            current = self.store.get(store_key(pod))
            if current is None or uid_of(current) != uid_of(pod) or current["spec"].get("nodeName"):
                return
            spec = {**current["spec"], "nodeName": pod["spec"]["nodeName"]}
            self.store.update({**current, "spec": spec, "status": pod["status"]})

    def catch_up(self) -> None:
        """Takes in what this very thread has written; only for the loop's thread."""
        self._take_in()

    def _hand_on(self, event: StoreEvent) -> None:
        if event.entry.key.kind != "Event":
            self._inbox.append((event.type, event.object))
            self.loop.wake()

    def _take_in(self) -> None:
        inbox = self._inbox
        while inbox:
            kind_of_event, obj = inbox.popleft()
            old = self.view.see(kind_of_event, obj, self.clock.seconds())
            for watcher in self.watchers:
                self._tell(watcher, kind_of_event, obj, old)

    def _tell(self, watcher: Watcher, kind_of_event: str, obj: Object, old: Object | None) -> None:
        try:
            watcher(kind_of_event, obj, old)
        except Exception:  # one odd object must not stop the cluster
            log.exception("an event of %s %s was not understood", obj["kind"], obj["metadata"]["name"])
