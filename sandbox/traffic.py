"""How a simulated pod answers HTTP."""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from sandbox.behaviour import Behaviour
from sandbox.errors import ApiError
from sandbox.images import parse_image
from sandbox.kubelet.agent import Kubelet
from sandbox.kubelet.container import Container
from sandbox.kubelet.pod import PodRun
from sandbox.meta import Object, deleting, is_ready, labels_of
from sandbox.subresources import Connection, Reply

_HEALTHY = ("/healthz", "/livez", "/health")
_READY = ("/readyz", "/ready")
_STATUS = {200: "OK", 503: "Service Unavailable", 500: "Internal Server Error", 404: "Not Found"}
_LONGEST_WAIT = 30.0
_TURN = threading.Lock()


class Asked(Protocol):
    """What of a request a pod looks at; names of headers are in lower case."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


def routable_pods(kubelet: Kubelet, service: Object) -> list[PodRun]:
    """Ready pods behind a service, by name."""
    selector = service["spec"].get("selector") or {}
    namespace = service["metadata"]["namespace"]
    if not selector:
        return []
    pods = kubelet.cluster.view.pods_with(namespace, selector)
    ready = sorted(pod["metadata"]["name"] for pod in pods if is_ready(pod) and not deleting(pod))
    runs = (kubelet.run_of(namespace, name) for name in ready)
    return [run for run in runs if run is not None]


def has_pods(kubelet: Kubelet, service: Object) -> bool:
    """Whether any pod is behind a service, ready or not."""
    selector = service["spec"].get("selector") or {}
    pods = kubelet.cluster.view.pods_with(service["metadata"]["namespace"], selector) if selector else []
    return any((pod.get("status") or {}).get("podIP") for pod in pods)


def answer(run: PodRun, port: str, connection: Connection) -> Reply:
    """The answer of the container that listens on a port ("" is the first that listens); 503 where none does."""
    container = _listening(run, port, run.kubelet.clock.seconds())
    if container is None:
        raise _refused(run, port)
    reply, seconds = answered(run, container, connection)
    time.sleep(seconds)
    return reply


def answered(run: PodRun, container: Container, asked: Asked) -> tuple[Reply, float]:
    """What a container answers, and after how many seconds; nobody waits here."""
    behaviour, path = container.behaviour, asked.path or "/"
    status = _health(container, behaviour, path, run.kubelet.clock.seconds())
    if status is not None:
        return Reply(status, f"{_STATUS.get(status, 'Status')}\n".encode(), {"Content-Type": "text/plain"}), 0.0
    reply = _application(run, container, behaviour, path, asked)
    return reply, max(0.0, min(behaviour.latency_ms / 1000, _LONGEST_WAIT))


def server_of(run: PodRun, port: int) -> Container | None:
    """The container that listens on this very port, as it declares or has it probed; None where nobody would answer."""
    now = run.kubelet.clock.seconds()
    listening = (item for item in run.containers if item.running is not None and now >= item.listens_at)
    return next((item for item in listening if str(port) in _ports(item)), None)


def _listening(run: PodRun, port: str, now: float) -> Container | None:
    """A container that declares the port, else any that listens."""
    listening = [item for item in run.containers if item.running is not None and now >= item.listens_at]
    declared = [item for item in listening if port in _ports(item)]
    return next(iter(declared or listening), None)


def _ports(container: Container) -> set[str]:
    declared = container.spec.get("ports") or ()
    named = {str(item["name"]) for item in declared if item.get("name")}
    probes = (container.spec.get(f"{kind}Probe") or {} for kind in ("readiness", "liveness", "startup"))
    asked = {str((probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port", "")) for probe in probes} - {""}
    return named | {str(item["containerPort"]) for item in declared} | set(map(str, container.behaviour.ports)) | asked


def _refused(run: PodRun, port: str) -> ApiError:
    where = f"{run.address}:{port or '80'}"
    words = f"error trying to reach service: dial tcp {where}: connect: connection refused"
    return ApiError(503, "ServiceUnavailable", words)


def _health(container: Container, behaviour: Behaviour, path: str, now: float) -> int | None:
    """The status of a health path; None for the application's own paths."""
    if path in behaviour.health:
        return int(behaviour.health[path])
    if path in _READY:
        return 200 if container.serves(now) else 503
    return 200 if path in _HEALTHY else None


def _application(run: PodRun, container: Container, behaviour: Behaviour, path: str, asked: Asked) -> Reply:
    status = 500 if owes_an_error(container, behaviour.error_rate) else 200
    content: dict[str, Any] = {**described(run, container), "path": path, "host": asked.headers.get("host", "")}
    if path == "/env":
        content["env"] = dict(container.env)
    if status != 200:
        content["error"] = "simulated"
    container.say(f"{asked.method} {path} {status}")
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def owes_an_error(container: Container, rate: float) -> bool:
    """Errors come in exact turns, not at random: with 0.25 every fourth answer, whoever asks."""
    with _TURN:
        container.debt += rate
        if container.debt < 1 - 1e-9:
            return False
        container.debt -= 1
        return True


def described(run: PodRun, container: Container) -> dict[str, str]:
    """Who answers. The version comes from the environment, else from labels, else from the image's tag."""
    metadata, image = run.object["metadata"], str(container.spec["image"])
    labels = labels_of(run.object)
    versions = (
        container.env.get("VERSION"),
        container.env.get("APP_VERSION"),
        labels.get("version"),
        labels.get("app.kubernetes.io/version"),
    )
    return {
        "pod": metadata["name"],
        "namespace": metadata["namespace"],
        "node": run.node.name,
        "container": container.name,
        "image": image,
        "version": next(filter(None, versions), None) or parse_image(image).reference,
        "ip": run.address,
    }
