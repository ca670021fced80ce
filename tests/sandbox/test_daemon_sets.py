"""DaemonSets in the sandbox."""

import pytest

from sandbox.nodes import DEFAULT, NodeSpec
from tests.sandbox.world import World, workload

TAINTED = NodeSpec("guarded", taints=("code-execution=true:NoSchedule",))
TOLERATES = {"tolerations": [{"key": "code-execution", "operator": "Exists"}]}


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [({}, 3), (TOLERATES, 4), ({"nodeSelector": {"pool": "app"}}, 1), ({"nodeSelector": {"pool": "nowhere"}}, 0)],
)
def test_a_pod_runs_on_every_node_that_fits(pod, wanted):
    world = World([*DEFAULT, TAINTED])
    world.create(workload("DaemonSet", pod=pod))
    status = world.after(5).status("DaemonSet", "web")
    assert status["desiredNumberScheduled"] == status["currentNumberScheduled"] == status["numberReady"] == wanted
    assert status.get("numberAvailable", 0) == wanted


def test_without_a_node_the_status_is_the_recorded_one():
    world = World()
    world.create(workload("DaemonSet", pod={"nodeSelector": {"pool": "nowhere"}}))
    assert world.after(2).status("DaemonSet", "web") == {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
        "observedGeneration": 1,
    }


@pytest.mark.parametrize(("most", "updated"), [(1, 1), (2, 2), ("50%", 2)])
def test_an_update_takes_as_many_nodes_at_once_as_may_be_unavailable(most, updated):
    world = World()
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most}}
    world.create(workload("DaemonSet", updateStrategy=strategy))
    world.after(5).change_template("DaemonSet", "web", {"startup_seconds": 60})
    assert world.after(10).status("DaemonSet", "web")["updatedNumberScheduled"] == updated


def test_with_a_surge_the_old_pod_serves_until_the_new_one_does():
    world = World()
    limits = {"maxSurge": 1, "maxUnavailable": 0}
    world.create(workload("DaemonSet", updateStrategy={"type": "RollingUpdate", "rollingUpdate": limits}))
    world.after(5).change_template("DaemonSet", "web", {"startup_seconds": 2})
    assert world.after(2).status("DaemonSet", "web")["numberAvailable"] == 3
    status = world.after(20).status("DaemonSet", "web")
    assert (status["updatedNumberScheduled"], status["numberAvailable"], len(world.pods())) == (3, 3, 3)


def test_on_delete_keeps_old_pods():
    world = World()
    world.create(workload("DaemonSet", updateStrategy={"type": "OnDelete"}))
    before = world.after(5).pods()
    world.change_template("DaemonSet", "web", {"startup_seconds": 1})
    assert world.after(20).pods() == before
    assert "updatedNumberScheduled" not in world.status("DaemonSet", "web")


def test_a_new_node_gets_its_pod():
    world = World()
    world.create(workload("DaemonSet"))
    world.after(5)
    node = world.client.get("", "Node", "", "app-0")
    metadata = {"name": "late", "labels": node["metadata"]["labels"]}
    made = world.client.create({**node, "metadata": metadata})
    world.after(1).client.update_status({**made, "status": node["status"]})
    assert world.after(5).status("DaemonSet", "web")["numberReady"] == 4
