"""What the containers of a pod share: its object, its node, its time, and the tasks that run in it."""

from typing import Protocol

from sandbox.clock import Clock
from sandbox.images import Pulled
from sandbox.kubelet.environment import field_facts
from sandbox.kubelet.tasks import Task, Tasks
from sandbox.meta import Object, uid_of
from sandbox.nodes import KubeletNode


class PodHost(Protocol):
    """What a pod needs of the kubelet that runs it. `now` in simulated seconds."""

    now: float
    clock: Clock
    real_time: bool

    def lookup(self, kind: str, namespace: str, name: str) -> Object | None:
        """An object of the cluster, None where it is not there."""

    def pull(self, pod: Object, image: str) -> Pulled:
        """The image; PullError where it cannot be had."""

    def event(self, pod: Object, kind: str, reason: str, message: str, host: str, field: str) -> None:
        """Writes an Event on the pod, or on a field of it."""


class PodContext:
    """One pod on its node, without its containers. `dirty`: its status is to be reported anew."""

    def __init__(self, kubelet: PodHost, node: KubeletNode, obj: Object) -> None:
        self.kubelet, self.node, self.object = kubelet, node, obj
        self.uid = uid_of(obj)
        self.tasks = Tasks()
        self.address = ""
        self.dirty = True
        self.life: Task | None = None

    @property
    def now(self) -> float:
        return self.kubelet.now

    def wall(self) -> float:
        return self.kubelet.clock.wall()

    def stamp(self) -> str:
        return self.kubelet.clock.moment().stamp

    def at_most(self, seconds: float, limit: float) -> float:
        """Shortens a waiting time, unless real times were asked for."""
        return seconds if self.kubelet.real_time else min(seconds, limit)

    def lookup(self, kind: str, name: str) -> Object | None:
        return self.kubelet.lookup(kind, self.object["metadata"]["namespace"], name)

    def pull(self, image: str) -> Pulled:
        return self.kubelet.pull(self.object, image)

    def facts(self) -> dict[str, str]:
        return field_facts(self.object, self.address, self.node.address)

    def event(self, kind: str, reason: str, message: str, field: str = "") -> None:
        self.kubelet.event(self.object, kind, reason, message, self.node.name, field)

    def start(self, task: Task) -> Task:
        return self.tasks.start(task, self.now)

    def changed(self) -> None:
        self.dirty = True

    def wake_life(self) -> None:
        """The pod's life looks at its containers again."""
        if self.life is not None:
            self.tasks.wake(self.now, self.life)
