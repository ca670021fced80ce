"""Startup, readiness and liveness probes, answered by the container's behaviour.

A probe that has come to its verdict sleeps until the behaviour can give another: idle pods cost nothing.
"""

from typing import Any, Protocol

from sandbox.behaviour import Behaviour
from sandbox.kubelet.context import PodContext
from sandbox.kubelet.tasks import FOREVER, Part, Task
from sandbox.meta import Object

_MEMBERS = {"Startup": "startupProbe", "Readiness": "readinessProbe", "Liveness": "livenessProbe"}
_LIMITS = {"Startup": 1.0, "Readiness": 2.0, "Liveness": 1.0}
_SOON = 0.3


class Probed(Protocol):
    """What is probed: a container. `listens_at`: the moment from which its ports answer."""

    pod: PodContext
    spec: Object
    name: str
    init: bool
    ready: bool
    started: bool
    listens_at: float

    @property
    def sidecar(self) -> bool: ...
    @property
    def behaviour(self) -> Behaviour: ...
    def serves(self, now: float) -> bool: ...
    def serves_from(self) -> float: ...
    def kill(self, code: int, reason: str) -> None: ...


class Prober:
    """The probes of one container's present run."""

    def __init__(self, container: Probed) -> None:
        self.container = container
        self._tasks: list[Task] = []

    def begin(self) -> None:
        self._tasks = [self.container.pod.start(self._all())]

    def stop(self) -> None:
        for task in self._tasks:
            self.container.pod.tasks.cancel(task)
        self._tasks = []

    def wake(self) -> None:
        for task in self._tasks:
            self.container.pod.tasks.wake(self.container.pod.now, task)

    def _all(self) -> Task:
        """The startup probe first; the others begin when it has succeeded."""
        spec, container = self.container.spec, self.container
        if "startupProbe" in spec:
            yield from self._watch(spec["startupProbe"], "Startup")
        container.started = True
        container.ready = "readinessProbe" not in spec and (not container.init or container.sidecar)
        container.pod.changed()
        if container.init:
            container.pod.wake_life()
        for kind in ("Readiness", "Liveness"):
            if _MEMBERS[kind] in spec:
                self._tasks.append(container.pod.start(self._watch(spec[_MEMBERS[kind]], kind)))

    def _watch(self, probe: dict[str, Any], kind: str) -> Part[None]:
        """The startup probe until it succeeds, the others until the container ends."""
        pod = self.container.pod
        yield pod.at_most(float(probe.get("initialDelaySeconds") or 0), 2.0)
        failures = successes = 0
        while True:
            trouble = self._answer(probe, kind)
            failures, successes = (failures + 1, 0) if trouble else (0, successes + 1)
            if not trouble and successes >= int(probe.get("successThreshold") or 1):
                if kind == "Startup":
                    return
                self._set_ready(kind, True)
                yield FOREVER
                continue
            if trouble and self._failed(probe, kind, trouble, failures):
                yield self._until_news(kind)
                continue
            yield self._pause(probe, kind, successes)

    def _pause(self, probe: dict[str, Any], kind: str, successes: int) -> float:
        period = float(probe.get("periodSeconds") or 10)
        limit = _SOON if kind == "Readiness" and not successes else _LIMITS[kind]
        return self.container.pod.at_most(period, limit)

    def _failed(self, probe: dict[str, Any], kind: str, trouble: str, failures: int) -> bool:
        """Notes a failure; whether the threshold is reached."""
        container, now = self.container, self.container.pod.now
        if failures > 1 or container.serves(now):
            container.pod.event(
                "Warning", "Unhealthy", f"{kind} probe failed: {trouble}", f"spec.containers{{{container.name}}}"
            )
        if failures < int(probe.get("failureThreshold") or 3):
            return False
        self._set_ready(kind, False)
        if kind != "Readiness":
            words = f"Container {container.name} failed {kind.lower()} probe, will be restarted"
            container.pod.event("Normal", "Killing", words, f"spec.containers{{{container.name}}}")
            container.kill(137, "Error")
        return True

    def _until_news(self, kind: str) -> float:
        """Until the behaviour itself will answer otherwise; a changed one wakes the task anyhow."""
        if kind != "Readiness":
            return FOREVER
        due, now = self.container.serves_from(), self.container.pod.now
        return due - now if due > now else FOREVER

    def _set_ready(self, kind: str, ready: bool) -> None:
        if kind == "Readiness" and self.container.ready != ready:
            self.container.ready = ready
            self.container.pod.changed()

    def _answer(self, probe: dict[str, Any], kind: str) -> str:
        """Why the probe fails, or ""."""
        container, now = self.container, self.container.pod.now
        where = self._target(probe)
        if now < container.listens_at:
            return _refused(probe, where)
        if kind == "Readiness" and not container.serves(now):
            return _status_failed(503) if "httpGet" in probe else "not ready by its behaviour"
        if "httpGet" not in probe:
            return ""
        path = str(probe["httpGet"].get("path") or "/")
        status = container.behaviour.health.get(path, 200)
        if path in ("/ready", "/readyz") and path not in container.behaviour.health and not container.serves(now):
            status = 503
        return "" if 200 <= status < 400 else _status_failed(status)

    def _target(self, probe: dict[str, Any]) -> str:
        """host:port of the probe."""
        port = (probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc") or {}).get("port", 0)
        named = {item.get("name"): item["containerPort"] for item in self.container.spec.get("ports") or ()}
        return f"{self.container.pod.address}:{named.get(port, port)}"


def _status_failed(status: int) -> str:
    return f"HTTP probe failed with statuscode: {status}"


def _refused(probe: dict[str, Any], where: str) -> str:
    words = f"dial tcp {where}: connect: connection refused"
    if "httpGet" in probe:
        request = probe["httpGet"]
        path = str(request.get("path") or "/")
        return f'Get "{str(request.get("scheme") or "HTTP").lower()}://{where}/{path.lstrip("/")}": {words}'
    return words if "tcpSocket" in probe or "grpc" in probe else "not ready by its behaviour"
