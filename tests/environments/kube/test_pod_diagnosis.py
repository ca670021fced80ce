"""Why pods do not come up: what a kubelet, a scheduler or an event says, and the words that come of it."""

import json
from pathlib import Path

import pytest

from environments.kube.status.pod_diagnosis import pod_problems, sayings, summary
from environments.kube.status.scheduling import explain

SHAPES = Path(__file__).parent / "shapes"
IMAGE = "registry.example/shop/web:2"


def pod(*statuses, name="web-1", init=(), spec=None, created="2026-11-21T08:00:00Z", **status):
    container = {"name": "main", "image": IMAGE, **(spec or {})}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": created},
        "spec": {"containers": [container], "initContainers": [{"name": "migrate", "image": IMAGE}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": list(statuses),
            "initContainerStatuses": list(init),
            **status,
        },
    }


def waiting(reason, message="", *, name="main", restarts=0, last=None):
    state = {"waiting": {"reason": reason, "message": message}}
    return container(state, name=name, restarts=restarts, last=last)


def container(state, *, name="main", restarts=0, last=None):
    last_state = {"terminated": last} if last else {}
    return {
        "name": name,
        "image": IMAGE,
        "ready": False,
        "restartCount": restarts,
        "state": state,
        "lastState": last_state,
    }


def event(reason, message, *, about="web-1", kind="Pod", at="2026-11-21T08:00:05Z"):
    return {
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "involvedObject": {"kind": kind, "name": about, "uid": f"uid-{about}"},
    }


def only(pods, events=(), logs=None):
    (problem,) = pod_problems(pods, events, logs)
    return problem


@pytest.mark.parametrize(
    ("reason", "message", "words", "fatal"),
    [
        (
            "ErrImagePull",
            f'failed to resolve reference "{IMAGE}": not found',
            f"image {IMAGE} cannot be pulled: the registry does not have it",
            True,
        ),
        (
            "ErrImagePull",
            "pull access denied, repository does not exist or may require authorization: 401",
            "the registry does not have it",
            True,
        ),
        (
            "ErrImagePull",
            "failed to authorize: 401 Unauthorized",
            "the registry refuses the node's credentials (imagePullSecrets)",
            True,
        ),
        ("ErrImagePull", "toomanyrequests: slow down", "did not answer as it should", False),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", "did not answer as it should", False),
        ("ErrImagePull", "something new", "cannot be pulled: ErrImagePull (something new)", False),
        ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', "ImagePullBackOff", True),
        ("InvalidImageName", "couldn't parse image name", "InvalidImageName", True),
        ("ErrImageNeverPull", "policy is Never", "ErrImageNeverPull", True),
    ],
)
def test_an_image_that_cannot_be_pulled(reason, message, words, fatal):
    problem = only([pod(waiting(reason, message))])
    assert (problem.pod, problem.container, problem.kind) == ("web-1", "main", "image")
    assert words in problem.words
    assert problem.fatal is fatal


def test_the_recorded_image_pull_back_off():
    status = json.loads((SHAPES / "synthetic-pod-imagepullbackoff-status.json").read_text())
    obj = {
        "metadata": {"name": "web-1"},
        "spec": {"containers": [{"name": "web", "image": "nginx:bad"}]},
        "status": status,
    }
    problem = only([obj])
    assert problem.words.startswith("image nginx:bad cannot be pulled")
    assert problem.fatal


def test_a_back_off_is_explained_by_the_event_of_the_pull():
    events = [event("Failed", f'Failed to pull image "{IMAGE}": i/o timeout')]
    problem = only([pod(waiting("ImagePullBackOff", "Back-off pulling image"))], events)
    assert "the registry did not answer as it should" in problem.words
    assert not problem.fatal


ENDED = {"exitCode": 3, "reason": "Error"}
CRASHED = "container main crashes with exit code"


@pytest.mark.parametrize(
    ("status", "words", "fatal"),
    [
        (
            waiting("CrashLoopBackOff", "back-off 40s", restarts=3, last=ENDED),
            f"{CRASHED} 3, restarted 3 times",
            True,
        ),
        (
            waiting("CrashLoopBackOff", "back-off 10s", restarts=1, last=ENDED),
            f"{CRASHED} 3, restarted 1 time",
            False,
        ),
        (container({"terminated": ENDED}), f"{CRASHED} 3", False),
        (container({"running": {}}, restarts=2, last=ENDED), f"{CRASHED} 3, restarted 2 times", False),
        (
            waiting("CrashLoopBackOff", restarts=1, last={"exitCode": 127}),
            f"{CRASHED} 127 (its command was not found), restarted 1 time",
            True,
        ),
        (
            waiting("CrashLoopBackOff", restarts=4, last={"exitCode": 0, "reason": "Completed"}),
            "container main exits by itself with code 0, restarted 4 times",
            True,
        ),
    ],
)
def test_a_crash_tells_the_exit_code_and_how_often(status, words, fatal):
    problem = only([pod(status)])
    assert (problem.kind, problem.words, problem.fatal) == ("crash", words, fatal)


def test_a_crash_tells_the_last_words_of_the_log():
    status = waiting("CrashLoopBackOff", restarts=3, last=ENDED)
    log = "one\ntwo\n\nthree\x1b[31m\nno database at db:5432\n"
    problem = only([pod(status)], logs={"web-1/main": log, "web-2/main": "another's"})
    assert problem.words == "container main crashes with exit code 3, restarted 3 times"
    assert problem.said == "two / three [31m / no database at db:5432"
    assert sayings([problem, problem]) == "web-1/main: two / three [31m / no database at db:5432"


def test_a_crash_without_a_log_tells_its_termination_message():
    status = waiting("CrashLoopBackOff", restarts=3, last={**ENDED, "message": "no such table"})
    problem = only([pod(status)])
    assert problem.said == "no such table"
    assert "table" not in problem.words


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"memory": "256Mi"}, "container main was killed for using more memory than its limit of 256Mi"),
        ({}, "container main was killed for using more memory than there was"),
    ],
)
def test_a_container_that_used_too_much_memory(limits, words):
    last = {"exitCode": 137, "reason": "OOMKilled"}
    obj = pod(waiting("CrashLoopBackOff", restarts=2, last=last), spec={"resources": {"limits": limits}})
    assert only([obj])[2:5] == ("memory", f"{words}, restarted 2 times", True)


def test_a_failing_init_container_is_named_as_one():
    obj = pod(
        waiting("PodInitializing"),
        init=[waiting("CrashLoopBackOff", name="migrate", restarts=3, last={"exitCode": 1})],
    )
    problem = only([obj], logs={"web-1/migrate": "relation exists"})
    assert problem.container == "migrate"
    assert problem.words == "init container migrate crashes with exit code 1, restarted 3 times"
    assert problem.said == "relation exists"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('configmap "settings" not found', "needs the ConfigMap settings, which is not there"),
        ('secret "db" not found', "needs the Secret db, which is not there"),
        (
            "couldn't find key url in ConfigMap shop/settings",
            "needs the key url of ConfigMap settings, which is not there",
        ),
        (
            "couldn't find key password in Secret shop/db",
            "needs the key password of Secret db, which is not there",
        ),
        (
            "container has runAsNonRoot and image will run as root (pod: x)",
            "cannot be configured: container has runAsNonRoot and image will run as root (pod: x)",
        ),
    ],
)
def test_missing_configuration_is_named(message, words):
    problem = only([pod(waiting("CreateContainerConfigError", message))])
    assert problem[2:5] == ("configuration", f"container main {words}", True)


@pytest.mark.parametrize(
    ("reason", "message", "fatal"),
    [
        ("RunContainerError", 'exec: "serve": executable file not found in $PATH', True),
        ("CreateContainerError", "context deadline exceeded", False),
    ],
)
def test_a_container_that_cannot_be_started(reason, message, fatal):
    problem = only([pod(waiting(reason, message))])
    assert problem[2:5] == ("start", f"container main cannot be started: {message}", fatal)


TAINT = "node(s) had untolerated taint {code-execution: true}"


@pytest.mark.parametrize(
    ("message", "words", "standing", "missing"),
    [
        (
            (
                "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: "
                "3 No preemption victims found for incoming pod."
            ),
            "none of 3 nodes fits: 3 not enough free cpu",
            False,
            False,
        ),
        (
            f"0/3 nodes are available: 1 Insufficient memory, 2 {TAINT}.",
            (
                "none of 3 nodes fits: 1 not enough free memory, "
                "2 tainted code-execution=true, which the pod does not tolerate"
            ),
            False,
            False,
        ),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.",
            "the only node does not fit: 1 tainted gpu, which the pod does not tolerate",
            True,
            False,
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
            "none of 2 nodes fits: 2 not what the pod's node selector or affinity asks for",
            True,
            False,
        ),
        (
            'persistentvolumeclaim "data" not found',
            'persistentvolumeclaim "data" not found',
            False,
            True,
        ),
        (
            '0/3 nodes are available: persistentvolumeclaim "data" not found. not found',
            'none of 3 nodes fits: persistentvolumeclaim "data" not found',
            True,
            True,
        ),
        (
            "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
            "none of 3 nodes fits: the pod's claims have no volume yet",
            False,
            False,
        ),
        (
            '0/3 nodes are available: waiting for ephemeral volume controller to create "web-0-data". not found',
            "none of 3 nodes fits: the pod's claims have no volume yet",
            False,
            False,
        ),
        ("no nodes available to schedule pods", "no nodes available to schedule pods", False, False),
        (
            "0/1 nodes are available: 1 node(s) were unschedulable.",
            "the only node does not fit: 1 cordoned",
            False,
            False,
        ),
    ],
)
def test_the_scheduler_is_put_into_plain_words(message, words, standing, missing):
    assert explain(message) == (words, standing, missing)


def unschedulable(message, reason="Unschedulable"):
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return pod(conditions=[condition])


STANDING = f"0/3 nodes are available: 3 {TAINT}."
FULL = "0/3 nodes are available: 3 Insufficient cpu."


@pytest.mark.parametrize(
    ("message", "events", "tail", "fatal"),
    [
        (FULL, [], "not enough free cpu", False),
        (STANDING, [], "does not tolerate", False),
        (STANDING, [event("NotTriggerScaleUp", "no group")], "; the cluster cannot grow for it", True),
        (FULL, [event("NotTriggerScaleUp", "max size")], "; the cluster cannot grow for it", False),
        (STANDING, [event("TriggeredScaleUp", "pool 0->1")], "; the cluster is adding a node", False),
        ('persistentvolumeclaim "data" not found', [], "not found", True),
    ],
)
def test_a_pod_that_fits_no_node(message, events, tail, fatal):
    problem = only([unschedulable(message)], events)
    assert problem.kind == "unschedulable"
    assert problem.words.endswith(tail)
    assert problem.fatal is fatal


def test_a_gated_pod_is_told_as_one():
    assert only([unschedulable("x", "SchedulingGated")]).words == "the pod's scheduling gates hold it back"


def test_a_failing_probe_is_told_by_its_event():
    probe = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")
    problem = only([pod(container({"running": {}}), phase="Running")], [probe])
    assert problem[2:5] == (
        "probe",
        "container main runs, but is not ready: Readiness probe failed: HTTP probe failed with statuscode: 500",
        False,
    )


def test_an_unready_container_is_told_without_events_where_it_has_a_probe():
    running = container({"running": {}})
    assert only([pod(running, spec={"readinessProbe": {"httpGet": {"port": 80}}})]).kind == "not ready"
    assert pod_problems([pod(running)]) == ()


@pytest.mark.parametrize(
    ("reason", "message", "kind", "words", "fatal"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "cfg" : configmap "settings" not found',
            "volume",
            "a volume of the pod needs the ConfigMap settings, which is not there",
            True,
        ),
        (
            "FailedAttachVolume",
            "Multi-Attach error",
            "volume",
            "a volume of the pod cannot be mounted: Multi-Attach error",
            False,
        ),
        (
            "FailedCreatePodSandBox",
            "no IP addresses",
            "network",
            "the node cannot set the pod up: no IP addresses",
            False,
        ),
    ],
)
def test_a_pod_that_stands_before_its_containers(reason, message, kind, words, fatal):
    problem = only([pod(waiting("ContainerCreating"))], [event(reason, message)])
    assert problem[1:5] == ("", kind, words, fatal)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
            "evicted",
            "the node evicted the pod: The node was low on resource: memory",
        ),
        (
            {"phase": "Failed", "reason": "DeadlineExceeded"},
            "deadline",
            "the pod ran longer than its ? s (activeDeadlineSeconds)",
        ),
        (
            {"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"},
            "start",
            "the pod was given up: Node didn't have enough resource: cpu",
        ),
    ],
)
def test_a_pod_that_was_given_up(status, kind, words):
    assert only([pod(**status)])[2:4] == (kind, words)


RECORDED_REFUSAL = json.loads((SHAPES / "event-failedcreate-quota.json").read_text())
NOT_CREATED = event("FailedCreate", 'Error creating: pods "x" is forbidden: no account', kind="ReplicaSet")


@pytest.mark.parametrize(
    ("pods", "told", "fatal"),
    [
        ([], "the namespace's quota leaves no room for another pod: exceeded quota: q", True),
        ([pod(created="2026-11-21T07:00:00Z")], "exceeded quota: q", True),
    ],
)
def test_a_quota_that_stops_pods_is_told_by_the_event_of_their_owner(pods, told, fatal):
    problem = only(pods, [RECORDED_REFUSAL])
    assert (problem.pod, problem.kind, problem.fatal) == ("", "quota", fatal)
    assert told in problem.words


def test_a_quota_is_no_fate_while_a_pod_is_stopping():
    stopping = pod(created="2026-11-21T07:00:00Z")
    stopping["metadata"]["deletionTimestamp"] = "2026-11-21T07:36:00Z"
    assert not only([stopping], [RECORDED_REFUSAL]).fatal


def test_a_refusal_from_before_the_newest_pod_is_history():
    assert pod_problems([pod(created="2026-11-21T09:00:00Z")], [RECORDED_REFUSAL]) == ()


def test_another_refusal_is_told_in_the_clusters_words():
    assert only([], [NOT_CREATED]).words == "the cluster refuses new pods: no account"


@pytest.mark.parametrize(
    "obj",
    [
        pod(container({"running": {}}), conditions=[{"type": "Ready", "status": "True"}]),
        pod(phase="Succeeded"),
        pod(waiting("ContainerCreating")),
        pod(container({"terminated": {"exitCode": 0}}, name="main")),
    ],
)
def test_a_pod_that_is_well_or_starting_has_no_problem(obj):
    assert pod_problems([obj]) == ()


def test_a_pod_that_is_stopping_is_left_out():
    obj = pod(waiting("ImagePullBackOff"))
    obj["metadata"]["deletionTimestamp"] = "2026-11-21T08:00:00Z"
    assert pod_problems([obj]) == ()


def test_what_waiting_will_not_cure_comes_first_and_what_many_have_is_told_once():
    bad = [pod(waiting("ErrImagePull", "not found"), name=name) for name in ("web-b", "web-c")]
    problems = pod_problems([pod(container({"terminated": ENDED}), name="web-a"), *bad])
    assert [p.pod for p in problems] == ["web-b", "web-c", "web-a"]
    assert summary(problems) == (
        f"image {IMAGE} cannot be pulled: the registry does not have it (not found) (2 pods); "
        "container main crashes with exit code 3"
    )


def test_events_of_the_newer_api_are_read_too():
    newer = {
        "reason": "Unhealthy",
        "note": "Startup probe failed: refused",
        "eventTime": "2026-11-21T08:00:05.123456Z",
        "regarding": {"kind": "Pod", "name": "web-1"},
    }
    problem = only([pod(container({"running": {}}))], [newer])
    assert problem.words == "container main runs, but is not ready: Startup probe failed"
    assert problem.said == "refused"


@pytest.mark.parametrize(
    ("message", "words", "said"),
    [
        (
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            "HTTP probe failed with statuscode: 503",
            "",
        ),
        ('Liveness probe failed: Get "http://10.0.0.1:80/x": dial tcp: refused', "dial tcp: refused", ""),
        ("Readiness probe failed: cat: /run/secret: hunter2\n", "Readiness probe failed", "cat: /run/secret: hunter2"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 503 hunter2", "", "hunter2"),
        ("hunter2", "its probe fails", "hunter2"),
    ],
)
def test_what_a_probe_s_command_wrote_is_kept_apart(message, words, said):
    problem = only([pod(container({"running": {}}))], [event("Unhealthy", message)])
    assert words in problem.words
    assert said in problem.said
    assert "hunter2" not in problem.words
