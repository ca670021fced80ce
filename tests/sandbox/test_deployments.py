"""Deployments in the sandbox: given a spec and a time, the status."""

import pytest

from sandbox.controllers.rolling import fenceposts, proportional_sizes, size_of_new, sizes_of_old
from tests.sandbox.world import World, workload

BROKEN = {"pull_error": "no such image"}


def sized(name: str, replicas: int, available: int | None = None, **annotations: str) -> dict:
    status = {"availableReplicas": replicas if available is None else available}
    metadata = {"name": name, "creationTimestamp": name, "annotations": annotations}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": status}


def deployment(replicas: int, surge: int | str = "25%", unavailable: int | str = "25%") -> dict:
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": limits}}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (4, "25%", "25%", (1, 1)),
        (3, "25%", "25%", (1, 0)),
        (10, "25%", "25%", (3, 2)),
        (1, "1%", "1%", (1, 0)),
        (2, 0, "1%", (0, 1)),
        (1, 0, 5, (0, 1)),
        (5, 2, 0, (2, 0)),
    ],
)
def test_percentages_round_surge_up_and_unavailable_down(replicas, surge, unavailable, expected):
    assert fenceposts(deployment(replicas, surge, unavailable)) == expected


@pytest.mark.parametrize(
    ("wanted", "old", "new", "expected"),
    [
        (deployment(4), sized("a", 4), sized("b", 0), 1),
        (deployment(4), sized("a", 3), sized("b", 1), 2),
        (deployment(4), sized("a", 4), sized("b", 1), 1),
        (deployment(4), sized("a", 0), sized("b", 6), 4),
        (deployment(3, 0, 1), sized("a", 3), sized("b", 0), 0),
    ],
)
def test_the_new_set_grows_as_far_as_the_surge_allows(wanted, old, new, expected):
    assert size_of_new(wanted, [old, new], new) == expected


@pytest.mark.parametrize(
    ("wanted", "old", "new", "expected"),
    [
        (deployment(4), [sized("a", 4)], sized("b", 1, 0), {"a": 3}),
        (deployment(4), [sized("a", 4)], sized("b", 1, 1), {"a": 2}),
        (deployment(4, 1, 0), [sized("a", 4)], sized("b", 1, 0), {}),
        (deployment(4, 1, 0), [sized("a", 4, 1)], sized("b", 1, 1), {"a": 3}),
        (deployment(10, 3, 2), [sized("a", 8), sized("b", 5, 0)], sized("c", 0), {"b": 0}),
        (deployment(4), [sized("a", 0)], sized("b", 4), {}),
    ],
)
def test_old_sets_shrink_unavailable_pods_first(wanted, old, new, expected):
    assert sizes_of_old(wanted, old, new) == expected


def test_scaling_in_the_middle_of_a_rollout_keeps_the_shares():
    note = {"deployment.kubernetes.io/max-replicas": "12"}
    sets = [sized("a", 8, **note), sized("b", 4, **note)]
    assert proportional_sizes(deployment(20, "20%"), sets) == {"a": 16, "b": 8}


def reason(world: World) -> str:
    found = world.condition("Deployment", "web", "Progressing")
    return found[1] if found else ""


def test_a_new_deployment_comes_up_with_the_recorded_status():
    world = World()
    world.create(workload(replicas=2))
    status = world.after(5).status("Deployment", "web")
    conditions = status.pop("conditions")
    assert status == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
    }
    assert [(item["type"], item["status"], item["reason"]) for item in conditions] == [
        ("Available", "True", "MinimumReplicasAvailable"),
        ("Progressing", "True", "NewReplicaSetAvailable"),
    ]


def test_counters_of_zero_are_absent_and_no_replicas_are_done_at_once():
    world = World()
    world.create(workload(replicas=0))
    status = world.after(1).status("Deployment", "web")
    assert "replicas" not in status
    assert "availableReplicas" not in status
    assert reason(world) == "NewReplicaSetAvailable"


def test_a_bad_image_meets_the_deadline_and_the_fix_heals_it():
    world = World()
    world.create(workload(behaviour=BROKEN, replicas=2, progressDeadlineSeconds=3))
    assert reason(world.after(2.9)) == "ReplicaSetUpdated"
    assert reason(world.after(1)) == "ProgressDeadlineExceeded"
    world.change_template("Deployment", "web", {})
    assert reason(world.after(5)) == "NewReplicaSetAvailable"


def test_a_bad_image_never_takes_more_than_allowed_from_what_serves():
    world = World()
    world.create(workload(replicas=4, progressDeadlineSeconds=5))
    world.after(5).change_template("Deployment", "web", BROKEN)
    status = world.after(30).status("Deployment", "web")
    assert (status["availableReplicas"], status["updatedReplicas"]) == (3, 2)
    assert reason(world) == "ProgressDeadlineExceeded"


def test_from_zero_the_deadline_never_comes():
    world = World()
    world.create(workload(behaviour=BROKEN, replicas=0, progressDeadlineSeconds=3))
    world.after(1).change("Deployment", "web", replicas=2)
    world.after(60)
    assert reason(world) == "NewReplicaSetAvailable"
    assert world.status("Deployment", "web")["unavailableReplicas"] == 2


def test_a_pause_is_said_and_holds_the_rollout():
    world = World()
    world.create(workload(replicas=2))
    world.after(5).change("Deployment", "web", paused=True)
    world.change_template("Deployment", "web", {"startup_seconds": 1})
    assert reason(world.after(5)) == "DeploymentPaused"
    assert len(world.all("ReplicaSet")) == 1
    world.change("Deployment", "web", paused=False)
    assert reason(world.after(10)) == "NewReplicaSetAvailable"


def test_recreate_lets_the_old_pods_go_before_the_new_ones_come():
    world = World()
    world.create(workload(replicas=2, strategy={"type": "Recreate"}, behaviour={"shutdown_seconds": 2}))
    world.after(5).change_template("Deployment", "web", {"shutdown_seconds": 1})
    assert "availableReplicas" not in world.after(1).status("Deployment", "web")
    assert len(world.all("ReplicaSet")) == 1
    assert world.after(5).status("Deployment", "web")["updatedReplicas"] == 2


def test_min_ready_seconds_keep_ready_pods_from_counting():
    world = World()
    world.create(workload(replicas=1, minReadySeconds=10))
    status = world.after(5).status("Deployment", "web")
    assert (status["readyReplicas"], status.get("availableReplicas", 0)) == (1, 0)
    assert world.after(10).status("Deployment", "web")["availableReplicas"] == 1


def test_a_quota_shows_as_replica_failure_at_once_and_heals_when_lifted():
    world = World(guarded=True)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}}
    world.create(quota)
    world.create(workload(replicas=3))
    world.after(3)
    assert world.condition("Deployment", "web", "ReplicaFailure") == ("True", "FailedCreate")
    failure = next(i for i in world.status("Deployment", "web")["conditions"] if i["type"] == "ReplicaFailure")
    assert failure["message"].endswith(
        "is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    )
    assert world.events("FailedCreate")[0] == f"Error creating: {failure['message']}"
    world.delete("ResourceQuota", "q")
    world.after(5)
    assert world.condition("Deployment", "web", "ReplicaFailure") is None
    assert world.status("Deployment", "web")["availableReplicas"] == 3


def revision(world: World) -> str:
    return world.get("Deployment", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]


def test_an_earlier_template_brings_its_replica_set_back_under_a_new_revision():
    world = World()
    world.create(workload(replicas=1))
    first = world.after(5).all("ReplicaSet")[0]["metadata"]["name"]
    world.change_template("Deployment", "web", {"startup_seconds": 1})
    assert revision(world.after(5)) == "2"
    world.change_template("Deployment", "web", {})
    assert revision(world.after(5)) == "3"
    found = world.get("ReplicaSet", first)
    assert found["spec"]["replicas"] == 1
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


def test_old_replica_sets_go_beyond_the_history_limit():
    world = World()
    world.create(workload(replicas=1, revisionHistoryLimit=1))
    for seconds in (1, 2, 3):
        world.after(8).change_template("Deployment", "web", {"startup_seconds": seconds})
    assert len(world.after(10).all("ReplicaSet")) == 2


def test_orphans_are_adopted_again():
    world = World()
    world.create(workload(replicas=2))
    before = world.after(5).pods()
    world.delete("Deployment", "web", propagation="Orphan")
    world.after(2)
    assert world.find("Deployment", "web") is None
    assert world.pods() == before
    world.create(workload(replicas=2))
    world.after(5)
    assert world.pods() == before
    assert reason(world) == "NewReplicaSetAvailable"


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_pods_follow_a_deleted_deployment(propagation):
    world = World()
    world.create(workload(replicas=2))
    world.after(5).delete("Deployment", "web", propagation=propagation)
    assert (world.find("Deployment", "web") is None) == (propagation == "Background")
    world.after(5)
    assert world.find("Deployment", "web") is None
    assert world.pods() == []


def test_the_status_is_written_by_the_controllers_manager():
    world = World()
    world.create(workload(replicas=1))
    entries = world.after(5).get("Deployment", "web")["metadata"]["managedFields"]
    written = {(item["manager"], item.get("subresource", "")) for item in entries}
    assert written == {("test", ""), ("kube-controller-manager", "status")}
    own = next(item for item in entries if item.get("subresource"))["fieldsV1"]
    assert "f:deployment.kubernetes.io/revision" in own["f:metadata"]["f:annotations"]
