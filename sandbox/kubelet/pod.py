"""The life of one pod on a simulated node."""

import re

from sandbox.kubelet.container import Container
from sandbox.kubelet.context import PodContext, PodHost
from sandbox.kubelet.environment import missing_mount
from sandbox.kubelet.tasks import FOREVER, Task
from sandbox.meta import Object, annotations_of, deleting
from sandbox.nodes import KubeletNode

_SLEEP = re.compile(r"sleep\s+([0-9.]+)")


class PodRun(PodContext):
    """Runs in the loop's thread alone. `step` does what is due and says when more will be."""

    def __init__(self, kubelet: PodHost, node: KubeletNode, obj: Object) -> None:
        super().__init__(kubelet, node, obj)
        self.began = self.stamp()
        self.failed: tuple[str, str] | None = None
        self.halted = self.gone = False
        spec = obj["spec"]
        self.inits = [Container(self, item, init=True) for item in spec.get("initContainers") or ()]
        self.mains = [Container(self, item) for item in spec["containers"]]
        self._ending: Task | None = None
        self.life = self.start(self._run())

    @property
    def containers(self) -> list[Container]:
        return [*self.inits, *self.mains]

    def see(self, obj: Object) -> None:
        """Takes a newer version of the object in."""
        behaves_anew = annotations_of(obj) != annotations_of(self.object)
        self.object = obj
        if deleting(obj) and self._ending is None:
            self._ending = self.start(self._end())
        if behaves_anew:
            for container in self.containers:
                container.behaves_anew()

    def step(self) -> float | None:
        """Does what is due; returns when (in simulated time) there is more to do, or None."""
        return self.tasks.run(self.now)

    def _run(self) -> Task:
        yield from self._mounted()
        on_host = self.object["spec"].get("hostNetwork")
        self.address = self.node.address if on_host else self.node.take_address()
        self.changed()
        limit = self.object["spec"].get("activeDeadlineSeconds")
        if limit is not None:
            self.start(self._deadline(float(limit)))
        for container in self.inits:
            container.begin()
            while not (container.started if container.sidecar else container.final):
                yield FOREVER
            if not container.sidecar and container.terminated and container.terminated["exitCode"]:
                self.fail("", "")
                return
        for container in self.mains:
            container.begin()
        while not all(container.final for container in self.mains):
            yield FOREVER
        self.halt()

    def _mounted(self) -> Task:
        while trouble := missing_mount(self.object, self.lookup):
            self.event("Warning", "FailedMount", trouble)
            yield 1.0

    def _deadline(self, seconds: float) -> Task:
        yield seconds
        self.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

    def fail(self, reason: str, message: str) -> None:
        """Ends all containers; the pod's phase becomes Failed."""
        self.failed = (reason, message)
        self.halt()

    def halt(self) -> None:
        for container in self.containers:
            container.halt()
        self.tasks.cancel(self.life)
        self.halted = True
        self.changed()

    def _end(self) -> Task:
        """The graceful deletion: preStop, SIGTERM, the exits; then the object goes for good."""
        grace = self.at_most(float(self.object["metadata"].get("deletionGracePeriodSeconds", 30)), 3.0)
        running = [container for container in self.mains if container.running is not None]
        for container in running:
            field = f"spec.containers{{{container.name}}}"
            self.event("Normal", "Killing", f"Stopping container {container.name}", field)
        hook = max((_pre_stop(container.spec) for container in running), default=0.0)
        shutdown = max((container.behaviour.shutdown_seconds for container in running), default=0.0)
        yield min(hook + shutdown, grace)
        self.halt()
        self.gone = True


def _pre_stop(spec: Object) -> float:
    """How long a preStop hook takes: its sleep action, or a shell's "sleep N"."""
    hook = (spec.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return float(hook["sleep"].get("seconds") or 0)
    found = _SLEEP.search(" ".join((hook.get("exec") or {}).get("command") or ()))
    return float(found[1]) if found else 0.0
