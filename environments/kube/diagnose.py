"""Looking into one workload that stalls: its newest pods, their events and their last log lines.

At most a handful of requests, and only for a workload that does not come up: nothing here runs in the ordinary pass.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice

from environments.kube.client import Gateway
from environments.kube.errors import KubeError
from environments.kube.objects import Manifest
from environments.kube.reasons import Problem, pod_problems
from environments.kube.verdict import Json, count, holds, section

HASH = "pod-template-hash"
REVISION_HASH = "controller-revision-hash"
REVISION = "deployment.kubernetes.io/revision"
LOGS = 2
LINES = 10


def diagnose(gateway: Gateway, obj: Json) -> tuple[Problem, ...]:
    """Why the pods of the workload's newest revision do not come up; empty where nothing is visibly wrong.

    At most six requests. Where events or logs cannot be read, the rest is still told.
    """
    try:
        maker, pods = newest_pods(gateway, obj)
    except KubeError as error:
        words = f"its pods cannot be looked at: {error.words}"
        return (Problem("", "", "unreadable", words, False),)
    ailing = sorted((p for p in pods if _ailing(p)), key=_trouble, reverse=True)
    events = _events(gateway, obj, [maker, *ailing[:1]])
    return pod_problems(pods, events, _logs(gateway, ailing))


def newest_pods(gateway: Gateway, obj: Json) -> tuple[Json, list[Manifest]]:
    """What makes the workload's newest pods (its ReplicaSet or itself), and these pods.

    Of a StatefulSet also those of earlier revisions that are not ready, since the newest wait for them. Raises
    KubeError.
    """
    kind, namespace = obj["kind"], obj["metadata"]["namespace"]
    selector = _selector(obj)
    maker = _replica_set(gateway, obj, selector) if kind == "Deployment" else obj
    template = section(maker, "metadata").get("labels", {}).get(HASH) if kind == "Deployment" else ""
    if kind == "Deployment" and not template:
        return maker, []
    pods = gateway.list("v1", "Pod", namespace, labels=f"{selector},{HASH}={template}" if template else selector)
    mine = [pod for pod in pods if _owned(pod, maker)]
    revision = _revision(gateway, obj, mine, selector)
    if not revision:
        return maker, mine
    newest = [pod for pod in mine if section(pod, "metadata").get("labels", {}).get(REVISION_HASH) == revision]
    stuck = [pod for pod in mine if pod not in newest and not holds(section(pod, "status"), "Ready")]
    return maker, [*newest, *(stuck if kind == "StatefulSet" else ())]


def _selector(obj: Json) -> str:
    """The workload's selector as a query: "app=web,tier in (a,b)"."""
    selector = section(section(obj, "spec"), "selector")
    plain = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    return ",".join([*plain, *(_expression(one) for one in selector.get("matchExpressions") or ())])


def _expression(one: Json) -> str:
    key, values = str(one["key"]), ",".join(one.get("values") or ())
    words: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return words[one["operator"]]


def _owned(obj: Json, owner: Json) -> bool:
    owners = section(obj, "metadata").get("ownerReferences") or ()
    return any(o.get("uid") == section(owner, "metadata").get("uid") for o in owners)


def _replica_set(gateway: Gateway, deployment: Json, selector: str) -> Json:
    """The Deployment's current ReplicaSet; empty where it has none yet."""
    revision = (section(deployment, "metadata").get("annotations") or {}).get(REVISION)
    sets = gateway.list("apps/v1", "ReplicaSet", deployment["metadata"]["namespace"], labels=selector)
    mine = [one for one in sets if _owned(one, deployment)]
    marked = [one for one in mine if (one["metadata"].get("annotations") or {}).get(REVISION) == revision]
    return marked[0] if marked else {}


def _revision(gateway: Gateway, obj: Json, pods: list[Manifest], selector: str) -> str:
    """The value of controller-revision-hash that the newest pods have; "" where the kind has none."""
    if obj["kind"] == "StatefulSet":
        return str(section(obj, "status").get("updateRevision") or "")
    hashes = {section(pod, "metadata").get("labels", {}).get(REVISION_HASH, "") for pod in pods}
    if obj["kind"] != "DaemonSet" or len(hashes) < 2:
        return ""
    revisions = gateway.list("apps/v1", "ControllerRevision", obj["metadata"]["namespace"], labels=selector)
    newest = max((r for r in revisions if _owned(r, obj)), key=lambda r: count(r, "revision"), default={})
    return str(section(newest, "metadata").get("labels", {}).get(REVISION_HASH, ""))


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
