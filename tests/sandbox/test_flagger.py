"""Flagger's double: the documented phases, with its words."""

import json
from typing import Any

import pytest

from sandbox import recorded
from sandbox.meta import annotations_of
from sandbox.store import StoreKey
from tests.sandbox.world import GROUPS, World, workload

GROUPS |= {"Canary": "flagger.app", "VirtualService": "networking.istio.io"}
BAD = {"error_rate": 0.25}
TICK = 10.0


def canary(**spec: Any) -> dict[str, Any]:
    metrics = [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}]
    analysis = {"interval": "10s", "threshold": 2, "maxWeight": 40, "stepWeight": 20, "metrics": metrics}
    whole = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": {"port": 80, "targetPort": 8080},
        "analysis": analysis,
        **spec,
    }
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"}, "spec": whole}


@pytest.fixture
def world() -> World:
    """A cluster with Flagger, and web behind it, initialised."""
    world = World()
    recorded.install(world.api, ["flagger", "istio"])
    world.create(workload(replicas=2))
    world.create(canary())
    return world.after(3 * TICK)


def weights(world: World) -> list[int]:
    """Of primary and canary."""
    (rule,) = world.get("VirtualService", "web")["spec"]["http"]
    return [each["weight"] for each in rule["route"]]


def phase(world: World) -> str:
    return str(world.status("Canary", "web")["phase"])


def told(world: World) -> list[str]:
    return world.events("Synced")


def release(world: World, behaviour: dict[str, Any], version: str = "2") -> None:
    world.change_template("Deployment", "web", {**behaviour, "logs": [version]})


def test_a_new_canary_takes_the_service_over_and_scales_its_target_to_zero(world):
    assert phase(world) == "Initialized"
    assert world.get("Deployment", "web")["spec"]["replicas"] == 0
    assert world.status("Deployment", "web-primary")["availableReplicas"] == 2
    selectors = {name: world.get("Service", name)["spec"]["selector"] for name in ("web", "web-primary", "web-canary")}
    assert selectors == {
        "web": {"app": "web-primary"},
        "web-primary": {"app": "web-primary"},
        "web-canary": {"app": "web"},
    }
    assert weights(world) == [100, 0]
    assert "Initialization done! web.d" in told(world)


def test_a_service_of_somebody_else_keeps_its_labels_and_gets_the_primarys_selector():
    world = World()
    recorded.install(world.api, ["flagger", "istio"])
    own = {"metadata": {"name": "web", "labels": {"team": "shop"}}, "spec": {"ports": [{"port": 80}]}}
    world.create({"apiVersion": "v1", "kind": "Service", **own})
    world.create(workload(replicas=1))
    world.create(canary())
    service = world.after(3 * TICK).get("Service", "web")
    assert (service["spec"]["selector"], service["metadata"]["labels"]) == ({"app": "web-primary"}, {"team": "shop"})
    assert not service["metadata"].get("ownerReferences")


def test_a_good_release_goes_up_by_its_steps_and_is_promoted(world):
    release(world, {})
    seen = [(phase(world.after(TICK)), weights(world)) for _ in range(9)]
    assert [step for at, step in enumerate(seen) if step not in seen[:at]] == [
        ("Progressing", [100, 0]),
        ("Progressing", [80, 20]),
        ("Progressing", [60, 40]),
        ("Promoting", [60, 40]),
        ("Finalising", [100, 0]),
        ("Succeeded", [100, 0]),
    ]
    template = world.get("Deployment", "web-primary")["spec"]["template"]
    assert json.loads(annotations_of(template)["test.slipway/behaviour"])["logs"] == ["2"]
    assert world.get("Deployment", "web")["spec"]["replicas"] == 0
    assert "Advance web.d canary weight 40" in told(world)
    assert "Promotion completed! Scaling down web.d" in told(world)


def test_a_bad_release_is_taken_off_after_the_threshold(world):
    release(world, BAD)
    world.after(7 * TICK)
    assert phase(world) == "Failed"
    assert weights(world) == [100, 0]
    assert world.get("Deployment", "web")["spec"]["replicas"] == 0
    assert "Halt web.d advancement success rate 75.00% < 99%" in told(world)
    assert "Rolling back web.d failed checks threshold reached 2" in told(world)
    assert world.status("Canary", "web")["conditions"][0]["reason"] == "Failed"


def test_the_old_template_put_back_starts_nothing(world):
    before = world.get("Deployment", "web")["spec"]["template"]
    release(world, BAD)
    world.after(7 * TICK)
    world.change("Deployment", "web", template=before)
    world.after(3 * TICK)
    assert phase(world) == "Failed"
    release(world, BAD)
    assert phase(world.after(2 * TICK)) == "Progressing"


def test_a_newer_revision_starts_the_analysis_anew(world):
    release(world, {})
    world.after(2 * TICK)
    assert weights(world) == [80, 20]
    release(world, {}, "3")
    assert weights(world.after(TICK)) == [100, 0]
    assert "New revision detected! Restarting analysis for web.d" in told(world)


def test_a_changed_configuration_is_a_new_revision():
    world = World()
    recorded.install(world.api, ["flagger", "istio"])
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "1"}})
    world.create(workload(replicas=1, container={"envFrom": [{"configMapRef": {"name": "settings"}}]}))
    world.create(canary())
    assert phase(world.after(3 * TICK)) == "Initialized"
    settings = world.get("ConfigMap", "settings")
    world.client.update({**settings, "data": {"A": "2"}})
    assert phase(world.after(TICK)) == "Progressing"


def test_skipping_the_analysis_promotes_at_once(world):
    release(world, BAD)
    world.after(2 * TICK)
    world.change("Canary", "web", skipAnalysis=True)
    world.after(2 * TICK)
    assert (phase(world), weights(world)) == ("Succeeded", [100, 0])
    assert "Promotion completed! Canary analysis was skipped for web.d" in told(world)


def test_a_suspended_canary_stands_still(world):
    release(world, {})
    world.after(2 * TICK)
    world.change("Canary", "web", suspend=True)
    world.after(5 * TICK)
    assert (phase(world), weights(world)) == ("Progressing", [80, 20])


def test_a_canary_that_goes_gives_back_what_it_took(world):
    world.change("Canary", "web", revertOnDeletion=True)
    own = world.get("Service", "web")
    own = {**own, "metadata": {**own["metadata"], "ownerReferences": []}}
    world.client.update(own)
    world.after(TICK)
    world.delete("Canary", "web")
    world.after(3 * TICK)
    assert world.find("Canary", "web") is None
    assert world.find("Deployment", "web-primary") is None
    assert world.status("Deployment", "web")["availableReplicas"] == 2
    assert world.get("Service", "web")["spec"]["selector"] == {"app": "web"}


def test_what_the_edge_counted_counts_before_how_pods_behave(world):
    metrics = world.simulation.cluster.metrics
    place = {"reporter": "destination", "destination_workload_namespace": "d", "destination_workload": "web"}
    release(world, BAD)
    for _ in range(8):
        world.after(TICK)
        metrics.count("istio_requests_total", {**place, "response_code": "200"}, 100)
    assert phase(world) in ("Promoting", "Finalising", "Succeeded")


def test_without_traffic_the_check_fails_as_the_real_ones_does(world):
    metrics = world.simulation.cluster.metrics
    place = {"reporter": "destination", "destination_workload_namespace": "d", "destination_workload": "web"}
    metrics.count("istio_requests_total", {**place, "response_code": "200"}, 100)
    release(world, {})
    world.after(4 * TICK)
    words = (
        "Halt advancement no values found for istio metric request-success-rate probably web.d is not receiving traffic"
    )
    assert words in told(world)


def test_a_target_without_a_label_that_tells_the_sides_apart_is_named():
    world = World()
    recorded.install(world.api, ["flagger", "istio"])
    made = workload()
    made["spec"]["selector"] = {"matchLabels": {"tier": "web"}}
    made["spec"]["template"]["metadata"]["labels"] = {"tier": "web"}
    world.create(made)
    world.create(canary())
    world.after(TICK)
    assert any("must contain one of ['app', 'name', 'app.kubernetes.io/name']" in words for words in told(world))
    assert world.api.store.get(StoreKey("apps", "Deployment", "d", "web-primary")) is None
