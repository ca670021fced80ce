"""One workload asked of the cluster now, on demand: its pods with reasons, their events, the log of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KubeError
from environments.kube.objects import Ref
from environments.kube.status.owner_references import selector_of
from environments.kube.status.pod_diagnosis import Problem, pod_problems
from environments.kube.status.verdict import Json, Verdict, holds, section
from environments.kube.status.workload import workload_status

LOG_LINES = 200
MOST_EVENTS = 50


@dataclass(frozen=True)
class Pod:
    """A pod as a person looks at it. `started` is RFC 3339 text or ""."""

    name: str
    phase: str
    ready: bool
    restarts: int
    node: str
    started: str
    image: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class ObjectEvent:
    """An event of the workload or one of its pods. `at` is RFC 3339 text."""

    at: str
    kind: str
    reason: str
    about: str
    message: str
    count: int


@dataclass(frozen=True)
class Inspection:
    """A workload in depth. `verdict` is None where the object does not exist."""

    verdict: Verdict | None
    pods: tuple[Pod, ...]
    events: tuple[ObjectEvent, ...]
    log: str
    log_of: str
    log_error: str


def inspect(gateway: Gateway, ref: Ref, *, pod: str = "", read: bool = True) -> Inspection:
    """The workload's state, pods and events, and the log of `pod` (one of its own) or of the first in trouble.

    Without `read` there is neither log nor event: both have what programs write.

    Raises KubeError where the cluster does not tell of the workload; a log that cannot be read is told in place.
    """
    found = gateway.get(ref)
    if found is None:
        return Inspection(None, (), (), "", "", "")
    pods = gateway.list("v1", "Pod", ref.namespace, labels=selector_of(found))
    events = _events(gateway, ref, pods)
    rows = tuple(_pod(item, events) for item in sorted(pods, key=lambda item: str(item["metadata"]["name"])))
    name = _chosen(rows, pod)
    if not read:
        return Inspection(workload_status(found), rows, (), "", name, "")
    log, trouble = _log(gateway, ref.namespace, name)
    return Inspection(workload_status(found), rows, tuple(_event(event) for event in events), log, name, trouble)


def _events(gateway: Gateway, ref: Ref, pods: Sequence[Json]) -> Sequence[Json]:
    names = {ref.name, *(pod["metadata"]["name"] for pod in pods)}
    found = [
        event
        for event in gateway.list("v1", "Event", ref.namespace)
        if section(event, "involvedObject").get("name") in names
    ]
    return sorted(found, key=_at, reverse=True)[:MOST_EVENTS]


def _at(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or section(event, "metadata")["creationTimestamp"])


def _event(event: Json) -> ObjectEvent:
    about = section(event, "involvedObject")
    return ObjectEvent(
        at=_at(event),
        kind=str(event.get("type", "")),
        reason=str(event.get("reason", "")),
        about=f"{about.get('kind', '')} {about.get('name', '')}",
        message=str(event.get("message", "")),
        count=int(event.get("count") or 1),
    )


def _pod(pod: Json, events: Sequence[Json]) -> Pod:
    status, name = section(pod, "status"), str(pod["metadata"]["name"])
    containers = status.get("containerStatuses") or ()
    about = [event for event in events if section(event, "involvedObject").get("name") == name]
    return Pod(
        name=name,
        phase="Terminating" if pod["metadata"].get("deletionTimestamp") else str(status.get("phase", "Unknown")),
        ready=holds(status, "Ready"),
        restarts=sum(int(container.get("restartCount") or 0) for container in containers),
        node=str(section(pod, "spec").get("nodeName", "")),
        started=str(status.get("startTime", "")),
        image=str(section(pod, "spec").get("containers", [{}])[0].get("image", "")),
        problems=tuple(pod_problems([pod], about)),
    )


def _chosen(pods: Sequence[Pod], wanted: str) -> str:
    names = [pod.name for pod in pods]
    if wanted in names:
        return wanted
    return next((pod.name for pod in pods if pod.problems), names[0] if names else "")


def _log(gateway: Gateway, namespace: str, pod: str) -> tuple[str, str]:
    if not pod:
        return "", ""
    try:
        return gateway.logs(namespace, pod, lines=LOG_LINES), ""
    except KubeError as error:
        return "", error.words
