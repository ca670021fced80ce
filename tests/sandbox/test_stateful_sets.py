"""StatefulSets in the sandbox: in order, and stuck exactly as the real ones."""

from tests.sandbox.world import World, workload

BROKEN = {"pull_error": "no such image"}


def up(replicas: int = 3, **spec) -> World:
    world = World()
    world.create(workload("StatefulSet", replicas=replicas, **spec))
    return world.after(15)


def images_ready(world: World) -> tuple[int, int]:
    status = world.status("StatefulSet", "web")
    return status.get("readyReplicas", 0), status.get("updatedReplicas", 0)


def test_pods_come_one_after_the_other():
    world = World()
    world.create(workload("StatefulSet", {"startup_seconds": 2}, replicas=3))
    assert world.after(1).pods() == ["web-0"]
    assert world.after(3).pods() == ["web-0", "web-1"]
    assert world.after(8).pods() == ["web-0", "web-1", "web-2"]


def test_parallel_pods_come_together():
    world = World()
    world.create(workload("StatefulSet", {"startup_seconds": 2}, replicas=3, podManagementPolicy="Parallel"))
    assert world.after(1).pods() == ["web-0", "web-1", "web-2"]


def test_the_status_is_the_recorded_one():
    status = up().status("StatefulSet", "web")
    revision = status["updateRevision"]
    assert status == {
        "observedGeneration": 1,
        "replicas": 3,
        "readyReplicas": 3,
        "currentReplicas": 3,
        "updatedReplicas": 3,
        "currentRevision": revision,
        "updateRevision": revision,
        "collisionCount": 0,
        "availableReplicas": 3,
    }


def test_an_update_goes_from_the_last_to_the_first():
    world = up()
    old = world.status("StatefulSet", "web")["currentRevision"]
    world.change_template("StatefulSet", "web", {"startup_seconds": 3})
    world.after(3)
    labels = {
        pod["metadata"]["name"]: pod["metadata"]["labels"]["controller-revision-hash"] for pod in world.all("Pod")
    }
    assert [labels[name] == old for name in ("web-0", "web-1", "web-2")] == [True, True, False]
    status = world.after(30).status("StatefulSet", "web")
    assert status["currentRevision"] == status["updateRevision"] != old
    assert status["updatedReplicas"] == 3


def test_a_partition_keeps_the_pods_below_it():
    world = up(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    world.change_template("StatefulSet", "web", {"startup_seconds": 1})
    status = world.after(20).status("StatefulSet", "web")
    assert (status["currentReplicas"], status["updatedReplicas"]) == (2, 1)
    assert status["currentRevision"] != status["updateRevision"]


def test_on_delete_waits_for_somebody_to_delete_the_pods():
    world = up(updateStrategy={"type": "OnDelete"})
    world.change_template("StatefulSet", "web", {"startup_seconds": 1})
    assert images_ready(world.after(20)) == (3, 0)
    world.delete("Pod", "web-1")
    assert images_ready(world.after(10)) == (3, 1)


def test_stuck_on_a_broken_pod_it_stays_stuck_after_the_fix_until_the_pod_is_deleted():
    world = up()
    world.change_template("StatefulSet", "web", BROKEN)
    assert images_ready(world.after(30)) == (2, 1)
    world.change_template("StatefulSet", "web", {})
    world.after(60)
    assert images_ready(world)[0] == 2
    world.delete("Pod", "web-2")
    assert world.after(30).status("StatefulSet", "web")["readyReplicas"] == 3


def test_scaling_down_takes_the_highest_first_and_keeps_the_claims():
    template = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    world = up(volumeClaimTemplates=[template])
    world.change("StatefulSet", "web", replicas=1)
    assert world.after(10).pods() == ["web-0"]
    claims = {claim["metadata"]["name"]: claim["status"]["phase"] for claim in world.all("PersistentVolumeClaim")}
    assert claims == {"data-web-0": "Bound", "data-web-1": "Bound", "data-web-2": "Bound"}


def test_a_revision_holds_the_template_that_it_brings_back():
    world = up(1)
    world.change_template("StatefulSet", "web", {"startup_seconds": 1})
    revisions = sorted(world.after(10).all("ControllerRevision"), key=lambda item: item["revision"])
    assert [item["revision"] for item in revisions] == [1, 2]
    assert revisions[0]["data"]["spec"]["template"]["$patch"] == "replace"
