"""A workload's revisions, from what the cluster keeps of them."""

import json
from pathlib import Path

import pytest

from environments.kube.status.revisions import WorkloadRevision, revisions

SHAPES = Path(__file__).parent / "shapes"
OWNED = [{"uid": "u1"}]


def workload(kind):
    return {"kind": kind, "metadata": {"name": "web", "uid": "u1"}}


def template(image, version="", init=""):
    spec = {"containers": [{"name": "web", "image": image}]}
    if init:
        spec["initContainers"] = [{"name": "migrate", "image": init}]
    return {"metadata": {"labels": {"app.kubernetes.io/version": version}} if version else {}, "spec": spec}


def replica_set(number, pod_template, *, replicas=0, cause="", owner="u1"):
    annotations = {"deployment.kubernetes.io/revision": str(number)}
    if cause:
        annotations["kubernetes.io/change-cause"] = cause
    metadata = {
        "name": f"web-{number}",
        "creationTimestamp": f"2026-11-{number:02}T08:00:00Z",
        "annotations": annotations,
        "ownerReferences": [{"uid": owner}],
    }
    return {"metadata": metadata, "spec": {"template": pod_template}, "status": {"replicas": replicas}}


def controller_revision(number, pod_template):
    metadata = {"name": f"web-{number}", "ownerReferences": OWNED}
    return {"metadata": metadata, "revision": number, "data": {"spec": {"template": pod_template}}}


def test_a_deployments_revisions_are_told_newest_first():
    sets = [
        replica_set(2, template("web:1")),
        replica_set(10, template("web:2", "2.0.0", init="db:2"), replicas=3, cause="release 2.0.0"),
        replica_set(11, template("x:1"), owner="another"),
    ]
    assert revisions(workload("Deployment"), sets) == (
        WorkloadRevision(
            10,
            "web-10",
            "2026-11-10T08:00:00Z",
            {"migrate": "db:2", "web": "web:2"},
            "2.0.0",
            "release 2.0.0",
            True,
            3,
        ),
        WorkloadRevision(2, "web-2", "2026-11-02T08:00:00Z", {"web": "web:1"}, "", "", False, 0),
    )


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_other_workloads_keep_theirs_as_controller_revisions(kind):
    made = [controller_revision(1, template("web:1")), controller_revision(2, template("web:2"))]
    found = revisions(workload(kind), made)
    assert [(one.number, one.images, one.current, one.pods) for one in found] == [
        (2, {"web": "web:2"}, True, None),
        (1, {"web": "web:1"}, False, None),
    ]


def test_the_recorded_replica_set_is_the_recorded_deployments():
    live, made = (json.loads((SHAPES / f"{name}.json").read_text()) for name in ("deployment-live", "replicaset-live"))
    (one,) = revisions(live, [made])
    assert (one.number, one.images, one.current, one.pods) == (1, {"web": "nginx:1.25"}, True, 1)


def test_a_workload_without_pods_ever_has_no_history():
    assert revisions(workload("Deployment"), []) == ()
