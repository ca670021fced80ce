"""Whether there is room for both colours, as tables."""

from typing import Any

import pytest

from releases.strategies.shared.capacity import Need, lacking, may_run, over_quota, requests_of

IN_PIECES = "none of the 3 nodes that it may run on has room for 1 of the 2 pods of green (800m CPU, 256Mi memory each)"
NOWHERE = "no node that is up is one that green may run on (labels, affinity, taints)"


def node(name: str = "a", cpu: str = "2", memory: str = "4Gi", pods: str = "10", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": more.pop("labels", {})},
        "spec": more,
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "pods": pods},
            "conditions": [{"type": "Ready", "status": more.pop("ready", "True")}],
        },
    }


def spec(cpu: str = "500m", memory: str = "256Mi", **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "web", "resources": {"requests": {"cpu": cpu, "memory": memory}}}], **more}


def pod(on: str, phase: str = "Running", labels: Any = None, **requests: str) -> dict[str, Any]:
    metadata = {"name": "other", "labels": labels or {}}
    return {"metadata": metadata, "spec": {**spec(**requests), "nodeName": on}, "status": {"phase": phase}}


def need(count: int, **requests: Any) -> Need:
    return Need("green", spec(**requests), count)


def affinity(operator: str, *values: str) -> dict[str, Any]:
    expression = {"key": "pool", "operator": operator, "values": list(values)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


@pytest.mark.parametrize(
    ("needs", "nodes", "pods", "words"),
    [
        ([need(4)], [node()], [], []),
        ([need(5)], [node()], [], ["green needs 2.5 CPU, 2 are free on the one node that it may run on"]),
        (
            [need(5)],
            [node(cpu="1"), node("b", cpu="1")],
            [pod("a", cpu="800m")],
            ["green needs 2.5 CPU, 1.2 are free on the 2 nodes that it may run on"],
        ),
        ([need(4)], [node()], [pod("a", "Succeeded", cpu="2")], []),
        ([need(4)], [node()], [pod("elsewhere", cpu="2")], []),
        (
            [need(2, cpu="800m")],
            [node(cpu="1"), node("b", cpu="700m"), node("c", cpu="700m")],
            [],
            [IN_PIECES],
        ),
        (
            [need(3, memory="2Gi")],
            [node()],
            [],
            ["green needs 6Gi memory, 4Gi are free on the one node that it may run on"],
        ),
        ([need(3)], [node(pods="2")], [], ["green needs 3 pods, 2 are free on the one node that it may run on"]),
        ([need(1)], [node(unschedulable=True)], [], [NOWHERE]),
        ([need(3), need(3)], [node()], [], ["green needs 1.5 CPU, 500m are free on the one node that it may run on"]),
    ],
    ids=["fits", "too little", "several", "over", "elsewhere", "in pieces", "memory", "pods", "cordoned", "two"],
)  # fmt: skip
def test_nodes(needs: list[Need], nodes: list[Any], pods: list[Any], words: list[str]) -> None:
    assert list(lacking(needs, nodes, pods)) == words


def test_a_node_that_is_down_has_no_room() -> None:
    down = node()
    down["status"]["conditions"][0]["status"] = "Unknown"
    assert lacking([need(1)], [down], []) != ()


def test_pods_of_the_colour_that_are_there_already_are_not_counted_twice() -> None:
    there = pod("a", labels={"track": "green"}, cpu="2")
    mine = Need("green", spec(), 4, lambda pod: pod["metadata"]["labels"].get("track") == "green")
    assert lacking([mine], [node()], [there]) == ()


@pytest.mark.parametrize(
    ("pod_spec", "node_fields", "may"),
    [
        ({}, {}, True),
        ({"nodeSelector": {"pool": "app"}}, {"labels": {"pool": "app"}}, True),
        ({"nodeSelector": {"pool": "app"}}, {}, False),
        (affinity("In", "app", "web"), {"labels": {"pool": "web"}}, True),
        (affinity("In", "app"), {"labels": {"pool": "web"}}, False),
        (affinity("NotIn", "app"), {}, True),
        (affinity("Exists"), {}, False),
        (affinity("DoesNotExist"), {}, True),
        (affinity("Gt", "3"), {"labels": {"pool": "4"}}, True),
        (affinity("Lt", "3"), {"labels": {"pool": "4"}}, False),
        ({}, {"taints": [{"key": "x", "effect": "NoSchedule"}]}, False),
        ({}, {"taints": [{"key": "x", "effect": "PreferNoSchedule"}]}, True),
        (
            {"tolerations": [{"key": "x", "value": "1", "effect": "NoSchedule"}]},
            {"taints": [{"key": "x", "value": "1", "effect": "NoSchedule"}]},
            True,
        ),
        (
            {"tolerations": [{"key": "x", "value": "2"}]},
            {"taints": [{"key": "x", "value": "1", "effect": "NoSchedule"}]},
            False,
        ),
        ({"tolerations": [{"operator": "Exists"}]}, {"taints": [{"key": "x", "effect": "NoExecute"}]}, True),
    ],
)
def test_where_a_pod_may_run(pod_spec: Any, node_fields: Any, may: bool) -> None:
    assert may_run(pod_spec, node(**node_fields)) is may


def test_a_pod_asks_for_its_containers_or_its_largest_init_container() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    pod = {
        "containers": [container("500m"), {"resources": {"limits": {"cpu": "250m"}}}],
        "initContainers": [container("2"), container("100m", restartPolicy="Always")],
        "overhead": {"cpu": "50m"},
    }
    assert requests_of(pod)["cpu"] == pytest.approx(2.05)
    assert requests_of({**pod, "initContainers": pod["initContainers"][1:]})["cpu"] == pytest.approx(0.9)


def quota(name: str = "few", used: Any = None, spec: Any = None, **hard: str) -> dict[str, Any]:
    hard = {key.replace("_", "."): value for key, value in hard.items()}
    return {"metadata": {"name": name}, "spec": spec or {}, "status": {"hard": hard, "used": used or {}}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (quota(pods="4"), []),
        (quota(pods="4", used={"pods": "1"}), ["green needs 4 of pods, 3 of 4 are left in quota few"]),
        (
            quota(requests_cpu="3", used={"requests.cpu": "1500m"}),
            ["green needs 2 of requests.cpu, 1.5 of 3 are left in quota few"],
        ),
        (
            quota(requests_memory="1Gi", used={"requests.memory": "512Mi"}),
            ["green needs 1Gi of requests.memory, 512Mi of 1Gi are left in quota few"],
        ),
        (quota(pods="0", spec={"scopes": ["BestEffort"]}), []),
        (quota(services="0"), []),
    ],
)
def test_quotas(given: Any, words: list[str]) -> None:
    assert list(over_quota([need(4)], [given])) == words
