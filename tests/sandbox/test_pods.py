"""Pods in the sandbox: behaviour, time and the status that a kubelet would report."""

import pytest

from sandbox.behaviour import Behaviour, behaviour_of
from sandbox.nodes import NodeSpec
from tests.sandbox.world import PROBE, World, pod

FOREVER = 10_000


def state(world: World, name: str = "p") -> str:
    """The reason of waiting or termination, or "running"."""
    found = world.container(name)["state"]
    return "running" if "running" in found else next(iter(found.values()))["reason"]


@pytest.mark.parametrize(
    ("behaviour", "container", "seconds", "expected", "ready"),
    [
        ({}, {}, 2, "running", True),
        ({"pull_seconds": 5}, {}, 3, "ContainerCreating", False),
        ({"startup_seconds": 5}, {}, 3, "ContainerCreating", False),
        ({"startup_seconds": 5}, {"readinessProbe": PROBE}, 3, "running", False),
        ({"startup_seconds": 5}, {"readinessProbe": PROBE}, 7, "running", True),
        ({"ready": False}, {"readinessProbe": PROBE}, 60, "running", False),
        ({"ready": 5}, {"readinessProbe": PROBE}, 4, "running", False),
        ({"ready": 5}, {"readinessProbe": PROBE}, 8, "running", True),
        ({"ready": False}, {}, 3, "running", True),
        ({"health": {"/readyz": 500}}, {"readinessProbe": PROBE}, 30, "running", False),
        ({"pull_error": "denied"}, {}, 0.3, "ErrImagePull", False),
        ({"pull_error": "denied"}, {}, 1.2, "ImagePullBackOff", False),
        ({"crash": True, "exit_code": 7}, {}, 60, "CrashLoopBackOff", False),
    ],
)
def test_a_container_behaves_as_it_is_told(behaviour, container, seconds, expected, ready):
    world = World()
    world.create(pod(behaviour=behaviour, container=container))
    world.after(seconds)
    assert (state(world), world.container("p")["ready"]) == (expected, ready)


def test_a_crash_loop_counts_restarts_with_growing_pauses():
    world = World()
    world.create(pod(behaviour={"crash": True, "exit_code": 137, "reason": "OOMKilled"}))
    counts = [world.after(seconds).container("p")["restartCount"] for seconds in (2, 6, 20)]
    assert counts == sorted(set(counts)), "each look finds more restarts"
    last = world.container("p")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")
    assert world.events("BackOff")[0].startswith("Back-off restarting failed container web in pod p_d(")


def test_a_failing_liveness_probe_restarts_the_container():
    world = World()
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2}
    world.create(pod(behaviour={"health": {"/healthz": 500}}, container={"livenessProbe": probe}))
    world.after(8)
    assert world.container("p")["restartCount"] >= 1
    assert "Liveness probe failed: HTTP probe failed with statuscode: 500" in world.events("Unhealthy")
    assert "Container web failed liveness probe, will be restarted" in world.events("Killing")


def test_a_startup_probe_holds_the_others_back():
    world = World()
    startup = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 30}
    world.create(pod(behaviour={"startup_seconds": 6}, container={"startupProbe": startup, "readinessProbe": PROBE}))
    assert world.after(3).container("p")["started"] is False
    assert world.after(6).container("p")["started"] is True
    assert world.container("p")["ready"] is True


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "c"}}]}, 'configmap "c" not found'),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, 'secret "s" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "there", "key": "k"}}}]},
            "couldn't find key k in ConfigMap d/there",
        ),
    ],
)
def test_missing_configuration_is_named_and_waited_for(container, message):
    world = World()
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "there"}, "data": {"other": "1"}})
    world.create(pod(container=container))
    waiting = world.after(2).container("p")["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": message}


def test_configuration_that_comes_later_lets_the_container_start():
    world = World()
    world.create(pod(container={"envFrom": [{"configMapRef": {"name": "c"}}]}))
    world.after(2)
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"A": "1"}})
    assert state(world.after(3)) == "running"


def test_init_containers_run_first_and_a_failing_one_holds_the_pod():
    world = World()
    world.create(pod(initContainers=[{"name": "first", "image": "i"}]))
    assert state(world.after(0.3)) == "PodInitializing"
    assert state(world.after(3)) == "running"
    broken = {"containers": {"first": {"exit_code": 1}}}
    world.create(pod("q", broken, initContainers=[{"name": "first", "image": "i"}]))
    world.after(10)
    assert state(world, "q") == "PodInitializing"
    assert world.status("Pod", "q")["initContainerStatuses"][0]["restartCount"] >= 1


def test_a_deleted_pod_is_given_its_time():
    world = World()
    world.create(pod(behaviour={"shutdown_seconds": 2}))
    world.after(3).delete("Pod", "p")
    assert "deletionTimestamp" in world.after(1).get("Pod", "p")["metadata"]
    assert world.after(2).find("Pod", "p") is None
    assert world.events("Killing") == ["Stopping container web"]


def test_the_annotation_may_change_while_the_pod_runs():
    world = World()
    made = world.create(pod(container={"readinessProbe": PROBE}))
    assert world.after(3).container("p")["ready"] is True
    changed = world.get("Pod", "p")
    annotations = {**made["metadata"]["annotations"], "test.slipway/behaviour": '{"ready": false}'}
    world.client.update({**changed, "metadata": {**changed["metadata"], "annotations": annotations}})
    assert world.after(10).container("p")["ready"] is False
    assert world.condition("Pod", "p", "Ready") == ("False", "ContainersNotReady")


@pytest.mark.parametrize(
    ("pod_spec", "message"),
    [
        (
            {"nodeSelector": {"pool": "x"}},
            "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
        ),
        (
            {"container": {"resources": {"requests": {"cpu": "9"}}}},
            "1 Insufficient cpu, 1 node(s) had untolerated taint(s).",
        ),
    ],
)
def test_a_pod_without_a_node_says_why(pod_spec, message):
    world = World([NodeSpec("a", cpu="4"), NodeSpec("b", cpu="4", taints=("k=v:NoSchedule",))])
    world.create(pod(**pod_spec))
    world.after(2)
    assert world.condition("Pod", "p", "PodScheduled") == ("False", "Unschedulable")
    assert world.events("FailedScheduling")[0].startswith(
        f"0/2 nodes are available: {message} no new claims to deallocate, preemption: "
    )


def test_room_that_becomes_free_is_used():
    world = World([NodeSpec("a", cpu="1")])
    asks = {"resources": {"requests": {"cpu": "1"}}}
    world.create(pod("first", container=asks))
    world.create(pod("second", container=asks))
    world.after(3)
    assert world.condition("Pod", "second", "PodScheduled") == ("False", "Unschedulable")
    world.delete("Pod", "first")
    assert world.after(5).status("Pod", "second")["phase"] == "Running"


def test_an_image_that_its_registry_does_not_have_is_said_in_the_runtimes_words():
    world = World()
    world.images.push("shop/web", "1", behaviour={"ready": False})
    world.create(pod("there", container={"image": "127.0.0.1:5000/shop/web:1"}))
    world.create(pod("gone", container={"image": "127.0.0.1:5000/shop/web:2"}))
    world.after(3)
    assert state(world, "there") == "running"
    assert world.container("there")["imageID"].startswith("127.0.0.1:5000/shop/web@sha256:")
    failed = next(message for message in world.events("Failed") if "shop/web:2" in message)
    assert failed.endswith(
        'failed to resolve reference "127.0.0.1:5000/shop/web:2": 127.0.0.1:5000/shop/web:2: not found'
    )


def test_sources_override_single_fields_and_nonsense_is_reported():
    label, annotation = (
        '{"crash": true, "logs": ["a"], "unknown": 1}',
        '{"crash": false, "containers": {"web": {"latency_ms": 5}}}',
    )
    found, trouble = behaviour_of([label, annotation], "web")
    assert (found.crash, found.logs, found.latency_ms, trouble) == (False, ("a",), 5, "")
    assert behaviour_of(["[1]"], "web") == (Behaviour(), "test.slipway/behaviour must be a JSON object, not '[1]'")


def test_idle_pods_ask_for_no_attention():
    world = World()
    world.create(pod(container={"readinessProbe": PROBE, "livenessProbe": PROBE}))
    version = world.after(10).api.store.version
    assert world.after(FOREVER).api.store.version == version
