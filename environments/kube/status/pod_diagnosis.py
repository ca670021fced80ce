"""Why pods do not come up, in words. Pure: it reads pods, their events and their last log lines."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from environments.kube.status.scheduling import explain
from environments.kube.status.verdict import Json, condition, count, counted, holds, section, sentence

ProblemKind = Literal[
    "image", "crash", "memory", "start", "configuration", "unschedulable", "quota",
    "probe", "volume", "network", "evicted", "deadline", "not ready", "unreadable",
]  # fmt: skip

CRASHES = 3  # restarts after which a crash is no hiccup: by then a kubelet has waited 10, 20 and 40 s
MEMORY_KILLS = 2
LOG_LINES = 3
LINE = 200
MESSAGE = 400

PASSING_PULL = re.compile(
    r"toomanyrequests|too many requests|429|timeout|timed out|deadline exceeded|connection refused|"
    r"reset by peer|no such host|temporary failure|unexpected EOF|5\d\d |Internal Server Error|"
    r"service unavailable|bad gateway|QPS",
    re.IGNORECASE,
)
ABSENT = re.compile(
    r"not found|manifest unknown|does not exist|repository .* unknown|no match for platform", re.IGNORECASE
)
NO_RIGHT = re.compile(r"unauthorized|denied|forbidden|authorization failed|no basic auth|401|403", re.IGNORECASE)
BAD_PROGRAM = re.compile(
    r"not found|no such file|permission denied|not a directory|exec format error|no command", re.IGNORECASE
)
PROBE_FAILED = re.compile(r"(Readiness|Liveness|Startup) probe (failed|errored)( and resulted in \w+)?")
KUBELETS_OWN = re.compile(
    rf"{PROBE_FAILED.pattern}: "
    r"(HTTP probe failed with statuscode: \d{3}|(Get \"[^\"\s]*\": |dial |rpc error: |command timed out)[^\n]*)\s*"
)
MISSING_KEY = re.compile(r"couldn't find key (\S+) in (ConfigMap|Secret) (?:[^/\s]+/)?(\S+)")
MISSING_OBJECT = re.compile(
    r"(configmap|secret|persistentvolumeclaim|serviceaccount) \"([^\"]+)\" not found", re.IGNORECASE
)
KIND_WORDS = {
    "configmap": "ConfigMap", "secret": "Secret", "persistentvolumeclaim": "PersistentVolumeClaim",
    "serviceaccount": "ServiceAccount",
}  # fmt: skip
MADE_LATER = frozenset({"configmap", "secret"})
HOPELESS_PULL = frozenset({"ErrImageNeverPull", "InvalidImageName", "SignatureValidationFailed"})
PULLING = HOPELESS_PULL | {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}
EXIT_WORDS = {126: "its command cannot be executed", 127: "its command was not found", 137: "it was killed",
              139: "it crashed in memory", 143: "it was told to stop"}  # fmt: skip


class Problem(NamedTuple):
    """One thing that keeps a pod from coming up.

    `pod` is "" where the pod could not even be created, `container` "" where it concerns the whole pod.
    `fatal`: waiting will not help without a change, so a rollout may fail at once. `said` is what the program itself
    wrote about it, which only those may read who may read its log; no other field has any of it. `missing`:
    the ConfigMap or Secret that is not there, "Secret db", where that is all.
    """

    pod: str
    container: str
    kind: ProblemKind
    words: str
    fatal: bool
    said: str = ""
    missing: str = ""


def pod_problems(
    pods: Sequence[Json], events: Sequence[Json] = (), logs: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    """The problems of these pods, first those that waiting will not cure; empty where all is well or starting.

    `events`: of the pods and of what creates them, core/v1 or events.k8s.io. `logs`: "pod/container" to the
    last lines of its log, best of the run that ended.
    """
    problems = [*_refusals(pods, events)]
    for pod in pods:
        if not section(pod, "metadata").get("deletionTimestamp"):
            problems += _of_pod(pod, [e for e in events if _about(e, pod)], logs or {})
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (not p.fatal, p.pod, p.container)))


def summary(problems: Iterable[Problem]) -> str:
    """The problems as one sentence; one that several pods have is told once, with "(3 pods)" behind it."""
    pods: dict[str, set[str]] = {}
    for problem in problems:
        pods.setdefault(problem.words, set()).add(problem.pod)
    return "; ".join(
        f"{words} ({counted(len(names), 'pod')})" if len(names) > 1 else words for words, names in pods.items()
    )


def sayings(problems: Iterable[Problem]) -> str:
    """What the programs wrote, a line each: "web-1/web: no database at db:5432"."""
    return "\n".join(f"{p.pod}/{p.container}: {p.said}" for p in dict.fromkeys(problems) if p.said)


# Events: the fields of core/v1, and those of events.k8s.io


def _object_of(event: Json) -> Json:
    return event.get("involvedObject") or event.get("regarding") or {}


def message_of(event: Json) -> str:
    """The words of an event; "" for none."""
    return event.get("message") or event.get("note") or ""


def _time(event: Json) -> str:
    series = event.get("series") or {}
    times = (event.get(name) for name in ("lastTimestamp", "deprecatedLastTimestamp", "eventTime", "firstTimestamp"))
    return series.get("lastObservedTime") or next((t for t in times if t), "") or ""


def _about(event: Json, obj: Json) -> bool:
    about, metadata = _object_of(event), section(obj, "metadata")
    if about.get("uid") and metadata.get("uid"):
        return bool(about["uid"] == metadata["uid"])
    return about.get("kind") == "Pod" and about.get("name") == metadata.get("name")


def newest(events: Iterable[Json], *reasons: str) -> Json:
    """The newest event with one of the reasons; {} for none."""
    return max((e for e in events if e.get("reason") in reasons), key=_time, default={})


# Pods that could not be created


def _refusals(pods: Sequence[Json], events: Sequence[Json]) -> Iterator[Problem]:
    event = newest((e for e in events if _object_of(e).get("kind") != "Pod"), "FailedCreate")
    newest_pod = max((section(p, "metadata").get("creationTimestamp", "") for p in pods), default="")
    if not event or _time(event)[:19] < newest_pod[:19]:
        return
    message = message_of(event)
    stopping = any(section(p, "metadata").get("deletionTimestamp") for p in pods)
    words = cut(message.partition("is forbidden: ")[2] or message.removeprefix("Error creating: "))
    if "exceeded quota" in message:
        yield Problem("", "", "quota", f"the namespace's quota leaves no room for another pod: {words}", not stopping)
    else:
        yield Problem("", "", "quota", f"the cluster refuses new pods: {words}", "is forbidden: " in message)


# One pod


def _of_pod(pod: Json, events: list[Json], logs: Mapping[str, str]) -> Iterator[Problem]:
    status = section(pod, "status")
    if status.get("phase") == "Succeeded" or holds(status, "Ready"):
        return
    found = list(_whole_pod(pod, events)) or list(_containers(pod, events, logs))
    yield from found or _slow(pod, events)


def _whole_pod(pod: Json, events: list[Json]) -> Iterator[Problem]:
    name, status, spec = pod["metadata"]["name"], section(pod, "status"), section(pod, "spec")
    reason, message = status.get("reason", ""), cut(status.get("message", ""))
    scheduled = condition(status, "PodScheduled")
    if reason == "Evicted":
        yield Problem(name, "", "evicted", f"the node evicted the pod: {message}", False)
    elif reason == "DeadlineExceeded":
        seconds = spec.get("activeDeadlineSeconds", "?")
        yield Problem(name, "", "deadline", f"the pod ran longer than its {seconds} s (activeDeadlineSeconds)", True)
    elif status.get("phase") == "Failed" and reason:
        yield Problem(name, "", "start", f"the pod was given up: {message or reason}", False)
    elif scheduled.get("status") == "False":
        yield _unscheduled(name, scheduled, events)


def _unscheduled(name: str, scheduled: Json, events: list[Json]) -> Problem:
    if scheduled.get("reason") == "SchedulingGated":
        return Problem(name, "", "unschedulable", "the pod's scheduling gates hold it back", False)
    found = explain(scheduled.get("message", ""))
    growing, not_growing = newest(events, "TriggeredScaleUp"), newest(events, "NotTriggerScaleUp")
    hopeless = bool(not_growing) and _time(not_growing) >= _time(growing)
    note = "; the cluster cannot grow for it" if hopeless else "; the cluster is adding a node" if growing else ""
    return Problem(name, "", "unschedulable", f"{found.words}{note}", found.missing or (found.standing and hopeless))


# Its containers


def _containers(pod: Json, events: list[Json], logs: Mapping[str, str]) -> Iterator[Problem]:
    status, name = section(pod, "status"), pod["metadata"]["name"]
    for field, role in (("initContainerStatuses", "init container"), ("containerStatuses", "container")):
        for one in status.get(field) or ():
            log = logs.get(f"{name}/{one['name']}", "")
            if problem := _of_container(pod, one, f"{role} {one['name']}", events, log):
                yield problem


def _of_container(pod: Json, one: Json, label: str, events: list[Json], log: str) -> Problem | None:
    waiting = section(section(one, "state"), "waiting")
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in PULLING:
        return _pull(pod, one, reason, message, events)
    if reason == "CreateContainerConfigError":
        words = f"{label} {_configuration(message)}"
        return Problem(pod["metadata"]["name"], one["name"], "configuration", words, True, missing=_missing(message))
    if ended := _ended_badly(one):
        return _crash(pod, one, label, ended, log)
    if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
        fatal = bool(BAD_PROGRAM.search(message))
        words = f"{label} cannot be started: {cut(message) or reason}"
        return Problem(pod["metadata"]["name"], one["name"], "start", words, fatal)
    return None


def _pull(pod: Json, one: Json, reason: str, message: str, events: list[Json]) -> Problem:
    detail = message
    if reason == "ImagePullBackOff" and not (ABSENT.search(detail) or NO_RIGHT.search(detail)):
        failed = [
            e for e in events if "Failed to pull image" in message_of(e) and one.get("image", "") in message_of(e)
        ]
        detail = message_of(max(failed, key=_time, default={})) or message
    image = _image_of(pod, one)
    if ABSENT.search(detail):
        cause, fatal = "the registry does not have it", True
    elif PASSING_PULL.search(detail) and reason not in HOPELESS_PULL:
        cause, fatal = "the registry did not answer as it should", False
    elif NO_RIGHT.search(detail):
        cause, fatal = "the registry refuses the node's credentials (imagePullSecrets)", True
    else:
        cause, fatal = reason, reason in HOPELESS_PULL or reason == "ImagePullBackOff"
    words = f"image {image} cannot be pulled: {cause}"
    return Problem(
        pod["metadata"]["name"], one["name"], "image", f"{words} ({cut(detail)})" if detail else words, fatal
    )


def _spec_of(pod: Json, name: str) -> Json:
    spec = section(pod, "spec")
    every = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return next((c for c in every if c.get("name") == name), {})


def _image_of(pod: Json, one: Json) -> str:
    return _spec_of(pod, one["name"]).get("image") or one.get("image") or "without a name"


def _configuration(message: str) -> str:
    if key := MISSING_KEY.search(message):
        return f"needs the key {key[1]} of {key[2]} {key[3]}, which is not there"
    if missing := MISSING_OBJECT.search(message):
        return f"needs the {KIND_WORDS[missing[1].lower()]} {missing[2]}, which is not there"
    return f"cannot be configured: {cut(message) or 'no reason given'}"


def _missing(message: str) -> str:
    """What somebody may still make: of a key alone nobody does that."""
    found = MISSING_OBJECT.search(message)
    return f"{KIND_WORDS[found[1].lower()]} {found[2]}" if found and found[1].lower() in MADE_LATER else ""


def _ended_badly(one: Json) -> Json:
    """The end of the container's last run where that was an error and it does not run well again; else {}."""
    state = section(one, "state")
    now = section(state, "terminated")
    last = now or section(section(one, "lastState"), "terminated")
    if one.get("ready") or (now and not count(now, "exitCode")):
        return {}
    looping = section(state, "waiting").get("reason") == "CrashLoopBackOff"
    return last if count(last, "exitCode") or looping else {}


def _crash(pod: Json, one: Json, label: str, ended: Json, log: str) -> Problem:
    name, restarts, code = pod["metadata"]["name"], count(one, "restartCount"), count(ended, "exitCode")
    if ended.get("reason") == "OOMKilled":
        limit = section(section(_spec_of(pod, one["name"]), "resources"), "limits").get("memory")
        room = f"more memory than its limit of {limit}" if limit else "more memory than there was"
        words = f"{label} was killed for using {room}{_restarted(restarts)}"
        return Problem(name, one["name"], "memory", words, restarts >= MEMORY_KILLS)
    message = ended.get("message", "")
    if ended.get("reason") in {"StartError", "ContainerCannotRun"}:
        fatal = bool(BAD_PROGRAM.search(message)) or restarts >= CRASHES
        return Problem(name, one["name"], "start", f"{label} cannot be started: {cut(message)}", fatal)
    end = f"{label} exits by itself with code 0" if not code else f"{label} crashes with exit code {code}"
    meaning = f" ({EXIT_WORDS[code]})" if code in EXIT_WORDS else ""
    words = f"{end}{meaning}{_restarted(restarts)}"
    given_up = section(pod, "status").get("phase") == "Failed"
    fatal = restarts >= CRASHES or code in {126, 127} or given_up
    return Problem(name, one["name"], "crash", words, fatal, _last_words(log or message))


def _restarted(restarts: int) -> str:
    return f", restarted {counted(restarts, 'time')}" if restarts else ""


def _last_words(log: str) -> str:
    lines = [clean for line in log.splitlines() if (clean := _printable(line).strip())][-LOG_LINES:]
    return " / ".join(line[:LINE] for line in lines)


# A pod without a visible fault


def _slow(pod: Json, events: list[Json]) -> Iterator[Problem]:
    name = pod["metadata"]["name"]
    if mount := newest(events, "FailedMount", "FailedAttachVolume"):
        if not _any_running(pod):
            yield _mount(name, message_of(mount))
        return
    if sandbox := newest(events, "FailedCreatePodSandBox"):
        if not _any_running(pod):
            yield Problem(name, "", "network", f"the node cannot set the pod up: {cut(message_of(sandbox))}", False)
        return
    yield from _unready(pod, events)


def _any_running(pod: Json) -> bool:
    return any("running" in section(c, "state") for c in section(pod, "status").get("containerStatuses") or ())


def _mount(name: str, message: str) -> Problem:
    if missing := MISSING_OBJECT.search(message):
        words = f"a volume of the pod needs the {KIND_WORDS[missing[1].lower()]} {missing[2]}, which is not there"
        return Problem(name, "", "volume", words, True, missing=_missing(message))
    return Problem(name, "", "volume", f"a volume of the pod cannot be mounted: {cut(message)}", False)


def _unready(pod: Json, events: list[Json]) -> Iterator[Problem]:
    name, status = pod["metadata"]["name"], section(pod, "status")
    probe = newest(events, "Unhealthy")
    for one in status.get("containerStatuses") or ():
        if one.get("ready") or "running" not in section(one, "state"):
            continue
        if probe:
            words, said = _of_probe(message_of(probe))
            yield Problem(name, one["name"], "probe", f"container {one['name']} runs, but {words}", False, said)
        elif _spec_of(pod, one["name"]).get("readinessProbe"):
            yield Problem(name, one["name"], "not ready", f"container {one['name']} runs, but is not ready yet", False)


def _of_probe(message: str) -> tuple[str, str]:
    """The kubelet's own words, and apart from them what a command wrote that it had run."""
    if KUBELETS_OWN.fullmatch(message):
        return f"is not ready: {cut(message)}", ""
    kind, _, said = message.partition(": ")
    return f"is not ready: {kind if PROBE_FAILED.fullmatch(kind) else 'its probe fails'}", cut(said or message)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def cut(text: str) -> str:
    """One printable line of at most MESSAGE characters."""
    line = sentence(_printable(text))
    return line if len(line) <= MESSAGE else f"{line[: MESSAGE - 1]}…"
