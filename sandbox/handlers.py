"""Subresources that the nodes answer: logs, proxies to pods and services, evictions."""

import json
import posixpath
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sandbox.errors import ApiError, StatusCause, bad_request, not_found, unavailable
from sandbox.kubelet.agent import Kubelet
from sandbox.kubelet.container import Container
from sandbox.kubelet.logs import Line, Log
from sandbox.kubelet.pod import PodRun
from sandbox.meta import Object, is_over, labels_of, matches
from sandbox.store import StoreKey
from sandbox.subresources import Connection, Reply, Subresources
from sandbox.traffic import answer, has_pods, routable_pods

_POLL = 0.1
_TEXT = {"Content-Type": "text/plain"}
_WAITING = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}


class SubresourceHandlers:
    """Answers from what the kubelets know."""

    def __init__(self, kubelet: Kubelet) -> None:
        self.kubelet = kubelet
        self._turns: dict[tuple[str, str], int] = {}

    def install(self, subresources: Subresources) -> None:
        subresources["", "pods", "log"] = self.log
        subresources["", "pods", "proxy"] = self.pod_proxy
        subresources["", "services", "proxy"] = self.service_proxy
        subresources["", "pods", "eviction"] = self.evict

    # -- logs -------------------------------------------------------------------------------------------------------

    def log(self, connection: Connection) -> Reply:
        """Takes container, previous, tailLines, sinceSeconds, sinceTime, timestamps, limitBytes and follow."""
        query = connection.query
        pod = _found(connection)
        run = self.kubelet.run_of(connection.namespace, connection.name)
        container = _container(pod, run, query.get("container", ""))
        if query.get("previous") == "true":
            if container.previous is None:
                words = f'previous terminated container "{container.name}" in pod "{connection.name}" not found'
                raise bad_request(words)
            return Reply(200, _text(container.previous.lines(), query), _TEXT)
        if not container.id:
            reason = container.status("ContainerCreating")["state"].get("waiting", {}).get("reason", "")
            words = f'container "{container.name}" in pod "{connection.name}" is waiting to start: '
            raise bad_request(words + _WAITING.get(reason, reason))
        if query.get("follow") == "true":
            return Reply(200, _followed(container, container.log, query), _TEXT)
        return Reply(200, _text(container.log.lines(), query), _TEXT)

    # -- proxies ----------------------------------------------------------------------------------------------------

    def pod_proxy(self, connection: Connection) -> Reply:
        """Takes "pod", "pod:port" and "scheme:pod:port"."""
        name = _middle(connection.name)
        run = self.kubelet.run_of(connection.namespace, name)
        if run is None:
            raise not_found("", "pods", name)
        return answer(run, _port(connection.name), _cleaned(connection))

    def service_proxy(self, connection: Connection) -> Reply:
        """Picks a ready pod behind the service, in turns."""
        name = _middle(connection.name)
        service = self.kubelet.cluster.store.get(StoreKey("", "Service", connection.namespace, name))
        if service is None:
            raise not_found("", "services", name)
        port = _port(connection.name)
        runs = routable_pods(self.kubelet, service)
        if not runs:
            asked = connection.name if has_pods(self.kubelet, service) else name
            raise unavailable(f'no endpoints available for service "{asked}"')
        turn = self._turns[connection.namespace, name] = self._turns.get((connection.namespace, name), -1) + 1
        run = runs[turn % len(runs)]
        return answer(run, _target_port(service, port, run, connection.name), _cleaned(connection))

    # -- evictions --------------------------------------------------------------------------------------------------

    def evict(self, connection: Connection) -> Reply:
        """Deletes a pod unless a disruption budget forbids it."""
        pod = _found(connection)
        store = self.kubelet.cluster.store
        for budget in store.list("policy", "PodDisruptionBudget", connection.namespace):
            if matches(budget["spec"].get("selector"), labels_of(pod)) and not is_over(pod):
                _check_budget(budget)
        self.kubelet.cluster.client("kubernetes").delete(pod, uid=pod["metadata"]["uid"])
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return Reply(201, json.dumps(status).encode(), {"Content-Type": "application/json"})


def _check_budget(budget: Object) -> None:
    status = budget.get("status") or {}
    if int(status.get("disruptionsAllowed") or 0) > 0:
        return
    desired, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    name = budget["metadata"]["name"]
    words = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    raise ApiError(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        causes=[StatusCause("DisruptionBudget", words, "")],
    )


def _found(connection: Connection) -> Object:
    if connection.object is None:
        raise not_found("", "pods", connection.name)
    return connection.object


def _container(pod: Object, run: PodRun | None, name: str) -> Container:
    pod_name = pod["metadata"]["name"]
    names = [item["name"] for item in pod["spec"]["containers"]]
    if not name and len(names) > 1:
        words = f"a container name must be specified for pod {pod_name}, choose one of: [{' '.join(names)}]"
        raise bad_request(words)
    wanted = name or names[0]
    everyone = [item["name"] for item in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])]
    if wanted not in everyone:
        raise bad_request(f"container {wanted} is not valid for pod {pod_name}")
    if run is None or run.uid != pod["metadata"]["uid"]:
        if not pod["spec"].get("nodeName"):
            raise bad_request(f"pod {pod_name} does not have a host assigned")
        raise bad_request(f'container "{wanted}" in pod "{pod_name}" is waiting to start: ContainerCreating')
    return next(item for item in run.containers if item.name == wanted)


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isdigit():
        raise bad_request(f"{name}: {text!r} is no whole number of 0 or more")
    return int(text)


def _since(query: Mapping[str, str]) -> float:
    seconds = _number(query, "sinceSeconds")
    if seconds is not None:
        return time.time() - seconds
    if query.get("sinceTime"):
        try:
            return datetime.fromisoformat(query["sinceTime"]).timestamp()
        except ValueError as error:
            raise bad_request(f"sinceTime: {query['sinceTime']!r} is no RFC 3339 time") from error
    return 0.0


def _written(line: Line, query: Mapping[str, str]) -> str:
    if query.get("timestamps") == "true":
        moment = datetime.fromtimestamp(line.at, UTC)
        return f"{moment.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {line.text}\n"
    return f"{line.text}\n"


def _chosen(lines: list[Line], query: Mapping[str, str]) -> list[Line]:
    since, count = _since(query), _number(query, "tailLines")
    fresh = [line for line in lines if line.at >= since]
    return fresh if count is None else fresh[len(fresh) - min(count, len(fresh)) :]


def _text(lines: list[Line], query: Mapping[str, str]) -> bytes:
    text = "".join(_written(line, query) for line in _chosen(lines, query)).encode()
    limit = _number(query, "limitBytes")
    return text if limit is None else text[:limit]


def _followed(container: Container, log: Log, query: Mapping[str, str]) -> Iterator[bytes]:
    """The lines so far, then every new one until this run of the container ends."""
    seen = log.written
    yield _text(log.lines(), query)
    while container.log is log and container.running is not None:
        time.sleep(_POLL)
        for line in log.after(seen):
            seen += 1
            yield _written(line, query).encode()


def _cleaned(connection: Connection) -> Connection:
    """Dot segments and doubled slashes end at the service's own root, as the server joins paths."""
    path = connection.path
    clean = posixpath.normpath(f"/{path.lstrip('/')}")
    return replace(connection, path=f"{clean.rstrip('/')}/" if path.endswith("/") else clean)


def _middle(name: str) -> str:
    """ "web" of "web", "web:80" and "http:web:80"."""
    parts = name.split(":")
    return parts[1] if len(parts) == 3 else parts[0]


def _port(name: str) -> str:
    parts = name.split(":")
    return parts[-1] if len(parts) > 1 else ""


def _target_port(service: Object, wanted: str, run: PodRun, asked: str) -> str:
    """The container port behind a service's port, which may be given by number or name."""
    ports = service["spec"].get("ports") or ()
    fitting = [item for item in ports if wanted in ("", str(item["port"]), item.get("name", ""))]
    if not fitting:
        raise unavailable(f'no service port "{wanted}" found for service "{_middle(asked)}"')
    target = str(fitting[0].get("targetPort") or fitting[0]["port"])
    declared = (item for container in run.mains for item in container.spec.get("ports") or ())
    named = {item.get("name"): str(item["containerPort"]) for item in declared}
    return named.get(target, target)
