"""The custom resources that the sandbox knows from its start."""

import argparse

import pytest

from sandbox import Sandbox, recorded
from sandbox.errors import ApiError
from tests.sandbox.edge.objects import to, virtual_service
from tests.sandbox.world import World

KINDS = {
    "istio": {"VirtualService", "DestinationRule", "PeerAuthentication", "AuthorizationPolicy", "Telemetry"},
    "gateway-api": {"GatewayClass", "Gateway", "HTTPRoute"},
    "flagger": {"Canary", "MetricTemplate", "AlertProvider"},
    "keda": {"ScaledObject", "TriggerAuthentication"},
    "vpa": {"VerticalPodAutoscaler"},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_set_has_its_kinds(name: str):
    found = {definition["spec"]["names"]["kind"] for definition in recorded.definitions(name)}
    assert found >= KINDS[name]


def test_what_is_installed_is_established_and_served():
    world = World()
    recorded.install(world.api, ["istio"])
    definition = world.client.get(
        "apiextensions.k8s.io", "CustomResourceDefinition", "", "virtualservices.networking.istio.io"
    )
    assert {item["type"]: item["status"] for item in definition["status"]["conditions"]}["Established"] == "True"
    assert world.create(virtual_service(["web"], to(("web", None))))["metadata"]["generation"] == 1
    assert world.api.kinds.find("keda.sh", "ScaledObject") is None


def test_the_recorded_rules_hold():
    world = World()
    recorded.install(world.api, ["istio"])
    with pytest.raises(ApiError, match=r"spec\.http\[0\]\.route\[0\]\.weight"):
        world.create(virtual_service(["web"], to(("web", "all"))))


def test_a_definition_that_is_there_stays_as_it_is():
    world = World()
    recorded.install(world.api, ["vpa"])
    before = world.api.store.version
    recorded.install(world.api, ["vpa"])
    assert world.api.store.version == before


OPTIONS = [("all", recorded.SETS), ("none", ()), ("istio,keda", ("istio", "keda"))]


@pytest.mark.parametrize(("text", "wanted"), OPTIONS)
def test_an_option_names_sets(text: str, wanted: tuple[str, ...]):
    assert recorded.sets(text) == wanted


def test_an_unknown_set_is_named_with_those_there_are():
    with pytest.raises(argparse.ArgumentTypeError, match="no definitions 'mesh'; it has flagger, gateway-api, istio"):
        recorded.sets("istio,mesh")
    with pytest.raises(ValueError, match="no definitions 'mesh'"):
        Sandbox(controllers=False, definitions=("mesh",))
