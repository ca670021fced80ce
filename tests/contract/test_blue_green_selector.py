"""Switching a Service between two colours: kubernetes-verified, section 6."""

import pytest

from environments.kube.api.errors import FieldConflict
from environments.kube.apply.ownership import owns
from tests.contract.namespace import JSON_PATCH, MERGE, ContractNamespace
from tests.contract.objects import deployment, service

TRAFFIC = "slipway-traffic"
SELECTOR = ("f:spec", "f:selector")
BLUE = {"app": "web", "colour": "blue"}
GREEN = {"app": "web", "colour": "green"}


def service_ref(ns: ContractNamespace):
    return ns.ref("Service", "web", "v1")


def selector(ns: ContractNamespace) -> dict[str, str]:
    return ns.found(service_ref(ns))["spec"]["selector"]


def replaced(path: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": path, "value": value}]


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "test", "path": "/spec/selector/colour", "value": "green"}],
        [{"op": "test", "path": "/spec/nothing/here", "value": "green"}],
        replaced("/spec/nothing/here", "x"),
    ],
    ids=["failed test", "missing path", "bad replace"],
)
def test_a_json_patch_that_fails_says_nothing_of_why(ns: ContractNamespace, operations: list) -> None:
    ns.apply(service(selector=BLUE))
    answer = ns.patch(service_ref(ns), operations, TRAFFIC, form=JSON_PATCH)
    assert answer.status == 422
    assert answer.json()["reason"] == "Invalid"
    assert answer.json()["message"] == "the server rejected our request due to an error in our request"
    assert answer.json()["details"] == {}


def test_a_json_patch_takes_the_selector_and_the_next_base_apply_conflicts_or_flips_back(ns: ContractNamespace) -> None:
    ns.apply(service(selector=BLUE))
    ns.done(ns.patch(service_ref(ns), replaced("/spec/selector", GREEN), TRAFFIC, form=JSON_PATCH))
    assert not owns(ns.found(service_ref(ns)), "slipway", SELECTOR)
    with pytest.raises(FieldConflict) as raised:
        ns.apply(service(selector=BLUE))
    assert [(cause.manager, cause.field) for cause in raised.value.causes] == [(TRAFFIC, "spec.selector")]
    ns.apply(service(selector=BLUE), force=True)
    assert selector(ns) == BLUE


def test_a_selector_is_one_value_for_an_apply(ns: ContractNamespace) -> None:
    ns.apply(service(selector=BLUE))
    ns.apply(service(selector={"app": "web"}))
    assert selector(ns) == {"app": "web"}


def test_a_merge_patch_merges_the_selector(ns: ContractNamespace) -> None:
    ns.apply(service(selector=BLUE))
    ns.done(ns.patch(service_ref(ns), {"spec": {"selector": {"colour": "green"}}}, "kubectl", form=MERGE))
    assert selector(ns) == GREEN


def test_the_hand_over_keeps_the_selector_under_forced_base_applies(ns: ContractNamespace) -> None:
    ns.apply(service(selector=BLUE))
    ns.apply(service(selector=BLUE), TRAFFIC)
    ns.apply(service())
    assert selector(ns) == BLUE
    ns.apply(service(selector=GREEN), TRAFFIC)
    ns.apply(service(), force=True)
    assert selector(ns) == GREEN


def coloured(colour: str) -> dict:
    manifest = deployment(f"web-{colour}", replicas=1)
    labels = {"app": "web", "colour": colour}
    manifest["spec"]["selector"]["matchLabels"] = labels
    manifest["spec"]["template"]["metadata"]["labels"] = labels
    return manifest


def endpoints(ns: ContractNamespace) -> set[str]:
    """The pods that the Service leads to, by colour."""
    slices = ns.gateway.list("discovery.k8s.io/v1", "EndpointSlice", ns.name, labels="kubernetes.io/service-name=web")
    ready = [
        endpoint["targetRef"]["name"]
        for each in slices
        for endpoint in each.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
    ]
    return {name.split("-")[1] for name in ready}


def test_all_endpoints_are_the_other_colour_soon_after_the_switch(ns: ContractNamespace) -> None:
    ns.apply(coloured("blue"))
    ns.apply(coloured("green"))
    ns.apply(service(selector=BLUE), TRAFFIC)
    ns.until(lambda: endpoints(ns) == {"blue"})
    ns.apply(service(selector=GREEN), TRAFFIC)
    ns.until(lambda: endpoints(ns) == {"green"}, seconds=10)


def test_a_service_created_without_a_selector_gets_its_slice_with_one(ns: ContractNamespace) -> None:
    ns.apply(coloured("blue"))
    ns.apply(service())
    ns.apply(service(selector=BLUE), TRAFFIC)
    ns.until(lambda: endpoints(ns) == {"blue"})
