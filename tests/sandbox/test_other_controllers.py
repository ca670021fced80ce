"""Slices, autoscalers, budgets, claims, addresses, owners and namespaces in the sandbox."""

import pytest

from tests.sandbox.world import PROBE, World, pod, workload


def service(selector: dict | None = None, **spec) -> dict:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    whole = {"ports": ports, **({"selector": selector} if selector else {}), **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": whole}


NAMED = {"ports": [{"name": "web", "containerPort": 8080}]}
WEB = {"app": "web"}


def endpoints(world: World) -> list[dict]:
    (found,) = world.all("EndpointSlice")
    return found.get("endpoints") or []


# -- slices ------------------------------------------------------------------------------------------------------------


def test_a_slice_has_every_pod_with_its_conditions_and_the_port_of_its_name():
    world = World()
    world.create(service(WEB))
    world.create(pod("a", container=NAMED))
    world.create(pod("b", {"ready": False}, container={**NAMED, "readinessProbe": PROBE}))
    world.after(5)
    found = {item["targetRef"]["name"]: item["conditions"] for item in endpoints(world)}
    assert found == {
        "a": {"ready": True, "serving": True, "terminating": False},
        "b": {"ready": False, "serving": False, "terminating": False},
    }
    (made,) = world.all("EndpointSlice")
    assert made["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "web"


def test_a_service_without_pods_has_a_slice_without_endpoints():
    world = World()
    world.create(service(WEB))
    (made,) = world.after(1).all("EndpointSlice")
    assert not made.get("endpoints")


def test_a_pod_that_goes_serves_until_it_is_gone_but_is_not_ready():
    world = World()
    world.create(service(WEB))
    world.create(pod("a", {"shutdown_seconds": 2}, container=NAMED))
    world.after(5).delete("Pod", "a")
    assert endpoints(world.after(0.5))[0]["conditions"] == {"ready": False, "serving": True, "terminating": True}
    assert endpoints(world.after(5)) == []


def test_a_changed_selector_moves_all_endpoints():
    world = World()
    world.create(service({"colour": "blue"}))
    for colour in ("blue", "green"):
        made = pod(colour, container=NAMED)
        made["metadata"]["labels"] = {"colour": colour}
        world.create(made)
    world.after(5).change("Service", "web", selector={"colour": "green"})
    assert [item["targetRef"]["name"] for item in endpoints(world.after(1))] == ["green"]


# -- autoscalers -------------------------------------------------------------------------------------------------------


def autoscaler(least: int, most: int, percent: int = 50, name: str = "web") -> dict:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def hpa(world: World, which: str) -> tuple[str, str] | None:
    return world.condition("HorizontalPodAutoscaler", "h", which)


def asking(cpu: str, **behaviour: int) -> dict:
    return workload(behaviour=behaviour, replicas=2, container={"resources": {"requests": {"cpu": cpu}}})


@pytest.mark.parametrize(
    ("least", "most", "cpu", "percent", "replicas", "limited"),
    [
        (4, 6, "50m", 100, 4, "DesiredWithinRange"),
        (1, 1, "50m", 100, 1, "DesiredWithinRange"),
        (1, 9, "100m", 25, 9, "TooManyReplicas"),
        (1, 3, "50m", 10, 3, "TooManyReplicas"),
        (2, 9, "50m", 100, 2, "DesiredWithinRange"),
    ],
)
def test_an_autoscaler_keeps_its_bounds_and_follows_the_pods_use(least, most, cpu, percent, replicas, limited):
    world = World()
    world.create(asking(cpu, cpu_millicores=50))
    world.after(5).create(autoscaler(least, most, percent))
    world.after(40)
    assert world.get("Deployment", "web")["spec"]["replicas"] == replicas
    assert hpa(world, "ScalingActive") == ("True", "ValidMetricFound")
    assert hpa(world, "ScalingLimited")[1] == limited


@pytest.mark.parametrize(
    ("manifest", "which", "expected"),
    [
        (workload(replicas=1), "ScalingActive", ("False", "FailedGetResourceMetric")),
        (workload(replicas=0), "ScalingActive", ("False", "ScalingDisabled")),
        (None, "AbleToScale", ("False", "FailedGetScale")),
    ],
)
def test_an_autoscaler_says_what_keeps_it_from_scaling(manifest, which, expected):
    world = World()
    if manifest:
        world.create(manifest)
    world.after(5).create(autoscaler(1, 3))
    world.after(20)
    assert hpa(world, which) == expected


def test_an_autoscaler_writes_through_the_scale_subresource():
    world = World()
    world.create(workload(replicas=1))
    world.after(5).create(autoscaler(3, 5))
    entries = world.after(5).get("Deployment", "web")["metadata"]["managedFields"]
    owner = next(item for item in entries if "f:replicas" in item["fieldsV1"].get("f:spec", {}))
    assert (owner["manager"], owner["operation"], owner["subresource"]) == (
        "kube-controller-manager",
        "Update",
        "scale",
    )


# -- budgets, claims, addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "allowed", "desired"),
    [
        ({"minAvailable": 2}, 2, 2),
        ({"minAvailable": "50%"}, 2, 2),
        ({"maxUnavailable": 1}, 1, 3),
        ({"maxUnavailable": "30%"}, 2, 2),
        ({"minAvailable": 4}, 0, 4),
    ],
)
def test_a_budget_tells_how_many_pods_may_go(spec, allowed, desired):
    world = World()
    world.create(workload(replicas=4))
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}}
    world.create({**budget, "spec": {**spec, "selector": {"matchLabels": WEB}}})
    status = world.after(10).status("PodDisruptionBudget", "b")
    assert (status["disruptionsAllowed"], status["desiredHealthy"], status["expectedPods"]) == (allowed, desired, 4)


def claim(**spec) -> dict:
    whole = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": whole}


@pytest.mark.parametrize(
    ("spec", "phase"),
    [({}, "Bound"), ({"storageClassName": "standard"}, "Bound"), ({"storageClassName": "x"}, "Pending")],
)
def test_a_claim_of_the_standard_class_is_bound(spec, phase):
    world = World()
    world.create(claim(**spec))
    assert world.after(1).status("PersistentVolumeClaim", "c")["phase"] == phase


def test_a_pod_waits_for_its_claim():
    world = World()
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    world.create(pod("p", volumes=[volume]))
    world.after(2)
    assert 'persistentvolumeclaim "c" not found' in world.events("FailedScheduling")[0]
    world.create(claim())
    assert world.after(3).status("Pod", "p")["phase"] == "Running"


def test_load_balancers_and_ingresses_get_an_address():
    world = World()
    world.create(service(WEB, type="LoadBalancer"))
    rules = [
        {
            "http": {
                "paths": [
                    {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
                ]
            }
        }
    ]
    world.create(
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {"rules": rules}}
    )
    world.after(1)
    for kind, name in (("Service", "web"), ("Ingress", "i")):
        assert world.status(kind, name)["loadBalancer"]["ingress"][0]["ip"].startswith("10.250.")


# -- owners and namespaces ---------------------------------------------------------------------------------------------


def owned(name: str, *owners: dict) -> dict:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": o["metadata"]["name"], "uid": o["metadata"]["uid"]}
        for o in owners
    ]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": references}}


def config_map(world: World, name: str) -> dict:
    return world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})


def test_what_has_lost_all_its_owners_goes_and_what_has_one_left_stays():
    world = World()
    first, second = config_map(world, "first"), config_map(world, "second")
    world.create(owned("of-one", first))
    world.create(owned("of-both", first, second))
    world.after(2).delete("ConfigMap", "first")
    world.after(2)
    assert world.find("ConfigMap", "of-one") is None
    assert [item["name"] for item in world.get("ConfigMap", "of-both")["metadata"]["ownerReferences"]] == ["second"]


def test_an_owner_that_was_never_there_takes_its_dependents_with_it():
    world = World()
    ghost = {"metadata": {"name": "ghost", "uid": "11111111-1111-1111-1111-111111111111"}}
    world.create(owned("lost", ghost))
    assert world.after(3).find("ConfigMap", "lost") is None


def test_a_namespace_has_its_account_and_takes_everything_with_it():
    world = World()
    world.create(workload(replicas=2))
    assert world.after(5).find("ServiceAccount", "default")
    world.delete("Namespace", "d")
    world.after(10)
    assert world.find("Namespace", "d") is None
    assert [kind for group, kind in world.api.store.kinds() if world.api.store.list(group, kind, "d")] == []


def test_an_odd_object_does_not_stop_the_others():
    world = World()
    world.api.store.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd", "namespace": "d"}})
    world.create(pod("fine"))
    assert world.after(3).status("Pod", "fine")["phase"] == "Running"
