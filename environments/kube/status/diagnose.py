"""Looking into one workload that stalls: its newest pods, their events and their last log lines.

At most a handful of requests, and only for a workload that does not come up: nothing here runs in the ordinary pass.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KubeError
from environments.kube.objects import Manifest, Ref
from environments.kube.status.claims import claim_problem, claims_of
from environments.kube.status.owner_references import (
    REVISION,
    REVISION_HASH,
    TEMPLATE_HASH,
    annotation,
    label,
    labelled,
    owned,
    selector_of,
)
from environments.kube.status.pod_diagnosis import Problem, pod_problems
from environments.kube.status.verdict import Json, count, holds, section

LOGS = 2
LINES = 10
CLAIMS = 3


def diagnose(gateway: Gateway, obj: Json) -> tuple[Problem, ...]:
    """Why the pods of the workload's newest revision do not come up; empty where nothing is visibly wrong.

    At most six requests, and two for each claim of a pod that no node takes. Where events or logs cannot be read,
    the rest is still told.
    """
    try:
        maker, pods = newest_pods(gateway, obj)
    except KubeError as error:
        words = f"its pods cannot be looked at: {error.words}"
        return (Problem("", "", "unreadable", words, False),)
    ailing = sorted((p for p in pods if _ailing(p)), key=_trouble, reverse=True)
    events = _events(gateway, obj, [maker, *ailing[:1]])
    return (*_unbound(gateway, ailing[:1]), *pod_problems(pods, events, _logs(gateway, ailing)))


def newest_pods(gateway: Gateway, obj: Json) -> tuple[Json, list[Manifest]]:
    """What makes the workload's newest pods (its ReplicaSet or itself), and these pods.

    Of a StatefulSet also those of earlier revisions that are not ready, since the newest wait for them. Raises
    KubeError.
    """
    if obj["kind"] == "Pod":
        return obj, [obj]  # type: ignore[list-item]
    selector, namespace = selector_of(obj), obj["metadata"]["namespace"]
    if obj["kind"] != "Deployment":
        pods = owned(gateway.list("v1", "Pod", namespace, labels=selector), obj)
        return obj, _newest(pods, obj, _revision(gateway, obj, pods, selector))
    maker = _replica_set(gateway, obj, selector)
    template = label(maker, TEMPLATE_HASH)
    if not template:
        return maker, []
    pods = gateway.list("v1", "Pod", namespace, labels=f"{selector},{labelled({TEMPLATE_HASH: template})}")
    return maker, owned(pods, maker)


def _newest(pods: list[Manifest], obj: Json, revision: str) -> list[Manifest]:
    if not revision:
        return pods
    waits = obj["kind"] == "StatefulSet"
    return [pod for pod in pods if label(pod, REVISION_HASH) == revision or (waits and _ailing(pod))]


def _replica_set(gateway: Gateway, deployment: Json, selector: str) -> Json:
    """The Deployment's current ReplicaSet; empty where it has none yet."""
    sets = gateway.list("apps/v1", "ReplicaSet", deployment["metadata"]["namespace"], labels=selector)
    newest = annotation(deployment, REVISION)
    return next((one for one in owned(sets, deployment) if annotation(one, REVISION) == newest), {})


def _revision(gateway: Gateway, obj: Json, pods: list[Manifest], selector: str) -> str:
    """The value of controller-revision-hash that the newest pods have; "" where all have the same."""
    if obj["kind"] == "StatefulSet":
        return str(section(obj, "status").get("updateRevision") or "")
    if len({label(pod, REVISION_HASH) for pod in pods}) < 2:
        return ""
    made = gateway.list("apps/v1", "ControllerRevision", obj["metadata"]["namespace"], labels=selector)
    newest: Json = max(owned(made, obj), key=lambda one: count(one, "revision"), default={})
    return label(newest, REVISION_HASH)


def _ailing(pod: Json) -> bool:
    status, stopping = section(pod, "status"), section(pod, "metadata").get("deletionTimestamp")
    return not stopping and status.get("phase") != "Succeeded" and not holds(status, "Ready")


def _containers(pod: Json) -> list[Json]:
    status = section(pod, "status")
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _trouble(pod: Json) -> tuple[int, str]:
    """The pod that tells the most comes first: with the most restarts, then the oldest by name."""
    return sum(count(one, "restartCount") for one in _containers(pod)), str(pod["metadata"]["name"])


def _events(gateway: Gateway, obj: Json, about: Sequence[Json]) -> list[Manifest]:
    found: list[Manifest] = []
    for one in about:
        if uid := section(one, "metadata").get("uid"):
            with suppress(KubeError):
                fields = f"involvedObject.uid={uid}"
                found += gateway.list("v1", "Event", obj["metadata"]["namespace"], fields=fields)
    return found


def _unbound(gateway: Gateway, pods: Iterable[Json]) -> list[Problem]:
    """Why claims of the pods have no volume."""
    found = []
    for pod in pods:
        namespace = pod["metadata"]["namespace"]
        for name in claims_of(pod)[:CLAIMS]:
            with suppress(KubeError):
                claim = gateway.get(Ref("v1", "PersistentVolumeClaim", namespace, name)) or {}
                fields = f"involvedObject.uid={section(claim, 'metadata').get('uid', '')}"
                events = gateway.list("v1", "Event", namespace, fields=fields) if claim else ()
                found.append(claim_problem(pod["metadata"]["name"], claim, events))
    return [problem for problem in found if problem]


def _logs(gateway: Gateway, pods: Iterable[Json]) -> dict[str, str]:
    """The last lines of the first containers that crashed, by "pod/container"."""
    found: dict[str, str] = {}
    crashed = ((pod["metadata"], one) for pod in pods for one in _containers(pod) if _crashed(one))
    for metadata, one in islice(crashed, LOGS):
        running = "terminated" not in section(one, "state")
        name, container = metadata["name"], one["name"]
        with suppress(KubeError):
            log = gateway.logs(metadata["namespace"], name, container, lines=LINES, previous=running)
            found[f"{name}/{container}"] = log
    return found


def _crashed(one: Json) -> bool:
    runs = (section(one, "state"), section(one, "lastState"))
    return any(count(section(run, "terminated"), "exitCode") for run in runs) and not one.get("ready")
