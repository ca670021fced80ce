"""Switching a Service between two colours: kubernetes-verified, section 6."""

import pytest

from environments.kube.api.errors import FieldConflict
from environments.kube.apply.ownership import owns
from tests.contract.objects import deployment, service
from tests.contract.space import JSON_PATCH, MERGE, Space

TRAFFIC = "slipway-traffic"
SELECTOR = ("f:spec", "f:selector")
BLUE = {"app": "web", "colour": "blue"}
GREEN = {"app": "web", "colour": "green"}


def service_ref(space: Space):
    return space.ref("Service", "web", "v1")


def selector(space: Space) -> dict[str, str]:
    return space.found(service_ref(space))["spec"]["selector"]


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
def test_a_json_patch_that_fails_says_nothing_of_why(space: Space, operations: list) -> None:
    space.apply(service(selector=BLUE))
    answer = space.patch(service_ref(space), operations, TRAFFIC, form=JSON_PATCH)
    assert answer.status == 422
    assert answer.json()["reason"] == "Invalid"
    assert answer.json()["message"] == "the server rejected our request due to an error in our request"
    assert answer.json()["details"] == {}


def test_a_json_patch_takes_the_selector_and_the_next_base_apply_conflicts_or_flips_back(space: Space) -> None:
    space.apply(service(selector=BLUE))
    space.done(space.patch(service_ref(space), replaced("/spec/selector", GREEN), TRAFFIC, form=JSON_PATCH))
    assert not owns(space.found(service_ref(space)), "slipway", SELECTOR)
    with pytest.raises(FieldConflict) as raised:
        space.apply(service(selector=BLUE))
    assert [(cause.manager, cause.field) for cause in raised.value.causes] == [(TRAFFIC, "spec.selector")]
    space.apply(service(selector=BLUE), force=True)
    assert selector(space) == BLUE


def test_a_selector_is_one_value_for_an_apply(space: Space) -> None:
    space.apply(service(selector=BLUE))
    space.apply(service(selector={"app": "web"}))
    assert selector(space) == {"app": "web"}


def test_a_merge_patch_merges_the_selector(space: Space) -> None:
    space.apply(service(selector=BLUE))
    space.done(space.patch(service_ref(space), {"spec": {"selector": {"colour": "green"}}}, "kubectl", form=MERGE))
    assert selector(space) == GREEN


def test_the_hand_over_keeps_the_selector_under_forced_base_applies(space: Space) -> None:
    space.apply(service(selector=BLUE))
    space.apply(service(selector=BLUE), TRAFFIC)
    space.apply(service())
    assert selector(space) == BLUE
    space.apply(service(selector=GREEN), TRAFFIC)
    space.apply(service(), force=True)
    assert selector(space) == GREEN


def coloured(colour: str) -> dict:
    manifest = deployment(f"web-{colour}", replicas=1)
    labels = {"app": "web", "colour": colour}
    manifest["spec"]["selector"]["matchLabels"] = labels
    manifest["spec"]["template"]["metadata"]["labels"] = labels
    return manifest


def endpoints(space: Space) -> set[str]:
    """The pods that the Service leads to, by colour."""
    slices = space.gateway.list(
        "discovery.k8s.io/v1", "EndpointSlice", space.name, labels="kubernetes.io/service-name=web"
    )
    ready = [
        endpoint["targetRef"]["name"]
        for each in slices
        for endpoint in each.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
    ]
    return {name.split("-")[1] for name in ready}


def test_all_endpoints_are_the_other_colour_soon_after_the_switch(space: Space) -> None:
    space.apply(coloured("blue"))
    space.apply(coloured("green"))
    space.apply(service(selector=BLUE), TRAFFIC)
    space.until(lambda: endpoints(space) == {"blue"})
    space.apply(service(selector=GREEN), TRAFFIC)
    space.until(lambda: endpoints(space) == {"green"}, seconds=10)


def test_a_service_created_without_a_selector_gets_its_slice_with_one(space: Space) -> None:
    space.apply(coloured("blue"))
    space.apply(service())
    space.apply(service(selector=BLUE), TRAFFIC)
    space.until(lambda: endpoints(space) == {"blue"})
