"""The verdicts on workloads and other objects, by tables and by what a real API server was recorded to say."""

import json
from pathlib import Path

import pytest

from environments.kube.status.workload import Verdict, stuck_pods, workload_status

SHAPES = Path(__file__).parent / "shapes"
OWN = "Kubernetes sets no deadline for this, the rollout's own timeout applies"


def shape(name):
    return json.loads((SHAPES / f"{name}.json").read_text())


def workload(kind, spec, status, generation=1, **metadata):
    status = {"observedGeneration": generation} | status
    return {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": generation, **metadata},
        "spec": spec,
        "status": status,
    }


def deployment(wanted=3, spec=None, /, **status):
    return workload("Deployment", {"replicas": wanted, **(spec or {})}, status)


def counters(replicas=0, updated=0, available=0, ready=None, **more):
    named = {
        "replicas": replicas,
        "updatedReplicas": updated,
        "availableReplicas": available,
        "readyReplicas": available if ready is None else ready,
    }
    return {name: number for name, number in named.items() if number} | more


def progressing(reason, status="True", message="", at="2026-11-21T08:00:00Z"):
    return {
        "type": "Progressing",
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": at,
    }


def refusal(message):
    return {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}


QUOTA = 'pods "web-new-x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9'
QUOTA_WORDS = "the cluster refuses new pods: exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9"


@pytest.mark.parametrize(
    ("obj", "state", "why"),
    [
        (deployment(3, **counters()), "wait", "0 of 3 pods updated"),
        (
            deployment(3, **counters(4, 2, 3)),
            "wait",
            "2 of 3 pods updated, 2 old pods still running",
        ),
        (
            deployment(3, **counters(4, 3, 3)),
            "wait",
            "3 of 3 pods updated, 1 old pod still stopping",
        ),
        (deployment(3, **counters(3, 3, 1)), "wait", "3 of 3 pods updated, 1 of 3 ready"),
        (
            deployment(2, {"minReadySeconds": 30}, **counters(2, 2, 1, ready=2)),
            "wait",
            "2 of 2 pods updated, all ready, 1 of them for the 30 s that minReadySeconds asks for",
        ),
        (deployment(3, **counters(3, 3, 3)), "done", "3 of 3 pods updated and available"),
        (deployment(1, **counters(1, 1, 1)), "done", "1 of 1 pod updated and available"),
        (
            deployment(0),
            "done",
            "no pod is wanted (replicas is 0), so nothing runs and nothing was tried",
        ),
        (deployment(0, **counters(2, 2, 2)), "wait", "2 surplus pods still stopping"),
        (
            deployment(2, **counters(2, 2, conditions=[progressing("NewReplicaSetAvailable")])),
            "wait",
            f"2 of 2 pods updated, 0 of 2 ready; {OWN}",
        ),
        (
            deployment(2, {"progressDeadlineSeconds": 2147483647}, **counters(2, 2)),
            "wait",
            f"2 of 2 pods updated, 0 of 2 ready; {OWN}",
        ),
        (
            deployment(2, {"paused": True}, **counters(2)),
            "suspended",
            (
                "the Deployment is paused: 0 of 2 pods updated, 2 old pods still running; "
                "nothing changes until it is resumed"
            ),
        ),
        (
            deployment(2, {"paused": True}, **counters(2, 2, 2)),
            "done",
            "2 of 2 pods updated and available; the Deployment is paused, the next change will wait",
        ),
        (
            deployment(0, {"paused": True}),
            "suspended",
            "the Deployment is paused: no pod is wanted; nothing changes until it is resumed",
        ),
        (
            deployment(
                2,
                {"progressDeadlineSeconds": 4},
                **counters(2, 2, conditions=[progressing("ProgressDeadlineExceeded", "False")]),
            ),
            "fail",
            "no progress for 4 s (progressDeadlineSeconds): 2 of 2 pods updated, 0 of 2 ready",
        ),
        (
            deployment(2, **counters(conditions=[progressing("ReplicaSetCreateError", "False", "quota says no.")])),
            "fail",
            "quota says no: 0 of 2 pods updated",
        ),
    ],
)
def test_a_deployment_is_judged_by_its_counters(obj, state, why):
    verdict = workload_status(obj)
    assert (verdict.state, verdict.why) == (state, why)


def test_the_counters_of_a_deployment_are_told():
    assert workload_status(deployment(5, **counters(6, 3, 4, ready=5)))[2:] == (5, 5, 3)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize(
    ("generation", "observed", "applied", "why"),
    [
        (2, 1, 0, "its controller has not seen the change yet"),
        (1, 1, 2, "the last look at it is older than the change"),
    ],
)
def test_a_status_of_an_older_spec_is_not_believed(kind, generation, observed, applied, why):
    obj = workload(kind, {"replicas": 0}, {"observedGeneration": observed}, generation)
    assert workload_status(obj, generation=applied) == Verdict("wait", why)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "ConfigMap"])
def test_an_object_that_is_being_deleted_is_waited_for(kind):
    obj = workload(kind, {"replicas": 0}, {}, deletionTimestamp="2026-11-21T08:00:00Z")
    verdict = workload_status(obj)
    assert (verdict.state, verdict.why) == (
        "wait",
        "it is being deleted; it can be created anew only when it is gone",
    )


ROLLING = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}}


@pytest.mark.parametrize(
    ("what", "spec", "status", "state"),
    [
        ("nothing frees the quota", {}, counters(3, 0, 3, terminatingReplicas=0), "fail"),
        ("a pod is stopping", {}, counters(2, 0, 2, terminatingReplicas=1), "wait"),
        ("an old pod may be stopped", ROLLING, counters(3, 0, 3, terminatingReplicas=0), "wait"),
        ("no old pod may be stopped", ROLLING, counters(3, 1, 2, terminatingReplicas=0), "fail"),
        ("all pods are new", ROLLING, counters(2, 2, 2, terminatingReplicas=0), "fail"),
        ("an old server, first generation", ROLLING, counters(1, 1, 1), "fail"),
        (
            "Recreate stops them all",
            {"strategy": {"type": "Recreate"}},
            counters(3, 0, 3, terminatingReplicas=0),
            "wait",
        ),
    ],
)
def test_a_quota_fails_at_once_unless_the_rollout_itself_makes_room(what, spec, status, state):
    verdict = workload_status(deployment(3, spec, **status, conditions=[refusal(QUOTA)]))
    assert verdict.state == state, what
    assert QUOTA_WORDS in verdict.why


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ('pods "web-new-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', "fail"),
        ('admission webhook "policy.example" denied the request: no', "fail"),
        ("Internal error occurred: failed calling webhook: connection refused", "wait"),
    ],
)
def test_refused_pods_fail_where_the_cluster_means_it(message, state):
    status = counters(1, 1, terminatingReplicas=1, conditions=[refusal(message)])
    verdict = workload_status(deployment(3, **status))
    assert verdict.state == state
    assert message.partition("is forbidden: ")[2] in verdict.why


def test_a_refusal_of_the_replaced_replica_set_is_not_held_against_the_new_one():
    new = progressing("ReplicaSetUpdated", message='ReplicaSet "web-newer" is progressing.')
    status = counters(3, 1, 2, terminatingReplicas=0, conditions=[refusal(QUOTA), new])
    assert workload_status(deployment(3, **status)).state == "wait"


@pytest.mark.parametrize(
    ("written", "state"),
    [("2026-11-21T08:00:01Z", "wait"), ("2026-11-21T07:59:00Z", "fail")],
)
def test_a_deadline_missed_before_our_last_write_is_not_held_against_it(written, state):
    obj = deployment(2, **counters(3, 2, 2, conditions=[progressing("ProgressDeadlineExceeded", "False")]))
    obj["metadata"]["managedFields"] = [
        {"manager": "slipway", "operation": "Apply", "time": written},
        {"manager": "kubectl-scale", "operation": "Update", "time": "2026-11-22T00:00:00Z"},
    ]
    assert workload_status(obj).state == state


ROLL = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}
PLAIN = {"updateStrategy": {"type": "RollingUpdate"}}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
BETWEEN = {"currentRevision": "a", "updateRevision": "b"}
SAME = {"currentRevision": "b", "updateRevision": "b"}


def stateful(spec, status, replicas=3):
    return workload("StatefulSet", {"replicas": replicas, **spec}, status)


def partition(number):
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": number}}}


@pytest.mark.parametrize(
    ("obj", "state", "why"),
    [
        (stateful(ROLL, counters(1, 1, 1)), "wait", f"1 of 3 pods ready, 1 updated; {OWN}"),
        (
            stateful(ROLL, counters(3, 1, 3, currentReplicas=2, **BETWEEN)),
            "wait",
            f"1 of 3 pods updated; {OWN}",
        ),
        (
            stateful(PLAIN, counters(3, 3, 3, **BETWEEN)),
            "wait",
            f"3 of 3 pods updated; {OWN}",
        ),
        (stateful(ROLL, counters(3, 3, 3, **SAME)), "done", "3 of 3 pods updated and available"),
        (
            stateful(partition(2), counters(3, 1, 3, **BETWEEN)),
            "done",
            "1 of 3 pods updated; the partition keeps 2 at the old revision",
        ),
        (
            stateful({**ROLL, "minReadySeconds": 20}, counters(3, 3, 1, ready=3, **SAME)),
            "wait",
            f"all ready, 1 of them for the 20 s that minReadySeconds asks for; {OWN}",
        ),
        (
            stateful(ON_DELETE, counters(3, 1, 3, **BETWEEN)),
            "suspended",
            "1 of 3 pods updated; its updateStrategy is OnDelete: 2 old pods will run until somebody deletes them",
        ),
        (
            stateful(ON_DELETE, counters(3, 3, 3, **BETWEEN)),
            "done",
            "3 of 3 pods updated and available",
        ),
        (
            stateful(ROLL, {}, replicas=0),
            "done",
            "no pod is wanted (replicas is 0), so nothing runs and nothing was tried",
        ),
        (stateful(ROLL, counters(4, 4, 4, **SAME)), "wait", f"1 surplus pod still stopping; {OWN}"),
    ],
)
def test_a_stateful_set_is_judged_by_its_counters_and_revisions(obj, state, why):
    verdict = workload_status(obj)
    assert (verdict.state, verdict.why) == (state, why)


def test_a_stateful_set_without_a_word_of_its_controller_is_waited_for():
    assert workload_status({"kind": "StatefulSet", "metadata": {"name": "x"}}).state == "wait"


def test_a_stateful_set_that_stands_on_a_broken_pod_says_so():
    obj = stateful(ROLL, shape("statefulset-stuck-after-bad-image"))
    obj["status"]["observedGeneration"] = 1
    verdict = workload_status(obj)
    assert verdict.state == "wait"
    assert "the update stands still while 1 pod of an earlier revision is not ready" in verdict.why
    assert "it has to be deleted" in verdict.why


def pod(name, revision, *, ready=False, owner="u1", stopping=False):
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        "labels": {"controller-revision-hash": revision},
        "ownerReferences": [{"uid": owner}],
    }
    if stopping:
        metadata["deletionTimestamp"] = "2026-11-21T08:00:00Z"
    status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": metadata, "status": status}


PODS = [
    pod("web-0", "bad"),
    pod("web-1", "a", ready=True),
    pod("web-2", "b"),
    pod("web-3", "bad"),
    pod("web-4", "bad", stopping=True),
    pod("other-5", "bad", owner="u2"),
]


@pytest.mark.parametrize(
    ("what", "spec", "metadata", "stuck"),
    [
        ("broken pods of earlier revisions", ROLL, {}, ["web-0", "web-3"]),
        ("those a partition keeps are left", partition(2), {}, ["web-3"]),
        ("OnDelete is a person's business", ON_DELETE, {}, []),
        ("the update revision is not known yet", ROLL, {"generation": 2}, []),
    ],
)
def test_the_pods_to_delete_so_that_a_stateful_set_goes_on(what, spec, metadata, stuck):
    obj = stateful(spec, counters(5, **BETWEEN), replicas=5)
    obj["metadata"] |= metadata
    assert stuck_pods(obj, PODS) == [(name, f"uid-{name}") for name in stuck], what


def daemon(spec, **status):
    return workload("DaemonSet", spec, status)


@pytest.mark.parametrize(
    ("obj", "state", "why"),
    [
        (
            daemon({}),
            "done",
            "no node fits its pods, so nothing runs and nothing was tried",
        ),
        (
            daemon({}, desiredNumberScheduled=3, updatedNumberScheduled=1, numberAvailable=3),
            "wait",
            f"1 of 3 pods updated; {OWN}",
        ),
        (
            daemon({}, desiredNumberScheduled=3, updatedNumberScheduled=3, numberAvailable=2),
            "wait",
            f"3 of 3 pods updated, 2 available; {OWN}",
        ),
        (
            daemon(ON_DELETE, desiredNumberScheduled=3, updatedNumberScheduled=1, numberAvailable=3),
            "suspended",
            "1 of 3 pods updated; its updateStrategy is OnDelete: 2 old pods will run until somebody deletes them",
        ),
        (
            daemon({}, desiredNumberScheduled=3, updatedNumberScheduled=3, numberAvailable=3),
            "done",
            "3 of 3 pods updated and available, one on each fitting node",
        ),
    ],
)
def test_a_daemon_set_is_judged_by_its_counters(obj, state, why):
    verdict = workload_status(obj)
    assert (verdict.state, verdict.why) == (state, why)


def job(spec, **status):
    return {"kind": "Job", "metadata": {"generation": 1}, "spec": spec, "status": status}


def told(kind, reason="", message=""):
    return {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": message}]}


@pytest.mark.parametrize(
    ("obj", "state", "why"),
    [
        (job({}), "wait", "0 of 1 run succeeded, 0 running"),
        (
            job({"backoffLimit": 2}, active=1, failed=1),
            "wait",
            "0 of 1 run succeeded, 1 running, 1 failed of 3 tries",
        ),
        (
            job({"completions": 3}, **shape("job-complete-status"), active=0),
            "done",
            "the job is complete: 1 of 3 runs succeeded",
        ),
        (
            job({"backoffLimit": 0}, **shape("job-failed-status")),
            "fail",
            "the job failed: 1 run failed, its backoffLimit is 0",
        ),
        (
            job({"activeDeadlineSeconds": 20}, **told("Failed", "DeadlineExceeded")),
            "fail",
            "the job failed: it ran longer than its 20 s (activeDeadlineSeconds)",
        ),
        (
            job({}, **told("Failed", "PodFailurePolicy", "Container main exited with 3.")),
            "fail",
            "the job failed: Container main exited with 3",
        ),
        (job({}, **told("FailureTarget")), "wait", "the job has failed, its last pods are stopping"),
        (
            job({"suspend": True}),
            "suspended",
            "the job is suspended; it starts when spec.suspend becomes false",
        ),
    ],
)
def test_a_job_is_judged_by_its_conditions(obj, state, why):
    verdict = workload_status(obj)
    assert (verdict.state, verdict.why) == (state, why)


@pytest.mark.parametrize(
    ("name", "spec", "verdict"),
    [
        (
            "deployment-paused",
            {"paused": True, "replicas": 2},
            Verdict(
                "suspended",
                "the Deployment is paused: 0 of 2 pods updated; nothing changes until it is resumed",
                0,
                2,
                0,
            ),
        ),
        (
            "deployment-progress-deadline-exceeded",
            {"replicas": 2, "progressDeadlineSeconds": 3},
            Verdict(
                "fail",
                "no progress for 3 s (progressDeadlineSeconds): 2 of 2 pods updated, 0 of 2 ready",
                0,
                2,
                2,
            ),
        ),
        (
            "deployment-replicafailure-quota",
            {"replicas": 3},
            Verdict(
                "fail",
                "the cluster refuses new pods: exceeded quota: q, requested: pods=1, used: pods=13, "
                "limited: pods=13: 1 of 3 pods updated",
                1,
                3,
                1,
            ),
        ),
        (
            "deployment-scaled-from-zero-bad-image-never-deadline",
            {"replicas": 2},
            Verdict("wait", f"2 of 2 pods updated, 0 of 2 ready; {OWN}", 0, 2, 2),
        ),
    ],
)
def test_recorded_deployments(name, spec, verdict):
    status = shape(name)
    obj = workload("Deployment", spec, status, status["observedGeneration"])
    assert workload_status(obj) == verdict


def test_a_recorded_live_deployment_is_done():
    assert workload_status(shape("deployment-live")) == Verdict("done", "1 of 1 pod updated and available", 1, 1, 1)


def test_a_recorded_partition_is_done():
    obj = workload("StatefulSet", {"replicas": 3, **partition(2)}, shape("statefulset-partitioned"), 3)
    assert workload_status(obj).state == "done"


def test_a_recorded_daemon_set_without_nodes_says_so():
    obj = workload("DaemonSet", {}, shape("daemonset-status"), 3)
    assert workload_status(obj).why.startswith("no node fits")


def plain(kind, spec=None, **status):
    return {"kind": kind, "metadata": {"name": "x"}, "spec": spec or {}, "status": status}


ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example.test"}]}}
LOAD_BALANCER = {"type": "LoadBalancer"}


@pytest.mark.parametrize(
    ("obj", "state", "words"),
    [
        (plain("ConfigMap"), "done", "stored"),
        (plain("PersistentVolumeClaim", phase="Bound"), "done", "bound"),
        (plain("PersistentVolumeClaim", phase="Pending"), "wait", "no volume is bound yet"),
        (plain("PersistentVolumeClaim", phase="Lost"), "fail", "gone"),
        (plain("Ingress"), "wait", "no ingress controller"),
        (plain("Ingress", **ADDRESS), "done", "reachable at 192.0.2.7, lb.example.test"),
        (plain("Service"), "done", "stored"),
        (plain("Service", LOAD_BALANCER), "wait", "no address yet"),
        (plain("Service", LOAD_BALANCER, **ADDRESS), "done", "192.0.2.7"),
        (plain("HorizontalPodAutoscaler"), "wait", "has not looked"),
        (
            plain("HorizontalPodAutoscaler", **shape("hpa-no-metrics")["status"]),
            "fail",
            "failed to get cpu utilization",
        ),
        (
            plain(
                "HorizontalPodAutoscaler",
                currentReplicas=4,
                desiredReplicas=6,
                conditions=[
                    {
                        "type": "ScalingLimited",
                        "status": "True",
                        "reason": "TooManyReplicas",
                        "message": "at its maximum",
                    }
                ],
            ),
            "done",
            "4 of 6 pods that the autoscaler wants; at its maximum",
        ),
        (
            plain(
                "HorizontalPodAutoscaler",
                conditions=[{"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}],
            ),
            "suspended",
            "0 replicas",
        ),
        (plain("CustomResourceDefinition"), "wait", "not established"),
        (plain("CustomResourceDefinition", **told("Established")), "done", "established"),
        (
            plain(
                "CustomResourceDefinition",
                conditions=[{"type": "NamesAccepted", "status": "False", "message": "taken."}],
            ),
            "fail",
            "taken",
        ),
        (plain("Namespace", phase="Active"), "done", "active"),
        (
            plain("Namespace", **shape("namespace-terminating-stuck")),
            "wait",
            "facts.example.com/hold in 1 resource instances",
        ),
        (
            plain("PodDisruptionBudget", disruptionsAllowed=1, currentHealthy=3, desiredHealthy=2),
            "done",
            "1 pod may be evicted now (3 healthy, 2 needed)",
        ),
        (
            plain(
                "PodDisruptionBudget",
                conditions=[
                    {
                        "type": "DisruptionAllowed",
                        "status": "False",
                        "reason": "SyncFailed",
                        "message": "no scale.",
                    }
                ],
            ),
            "fail",
            "no scale",
        ),
        (plain("Certificate", **told("Ready")), "done", "ready"),
        (
            plain(
                "Certificate",
                conditions=[{"type": "Ready", "status": "False", "message": "Issuing certificate."}],
            ),
            "wait",
            "not ready: Issuing certificate",
        ),
        (plain("Kustomization", **told("Stalled", "BadPath")), "fail", "BadPath"),
        (plain("Pod", phase="Failed", message="out of disk"), "fail", "out of disk"),
        (plain("Pod", phase="Running", **told("Ready")), "done", "ready"),
    ],
)
def test_the_health_of_other_objects(obj, state, words):
    verdict = workload_status(obj)
    assert verdict.state == state
    assert words in verdict.why
