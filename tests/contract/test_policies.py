"""Traffic policies as clusters keep them: accepted, refused, and one before another."""

from typing import Any

import pytest

from environments.kube.objects import Manifest
from environments.kube.policies import Policy
from environments.kube.policies.survey import verify
from tests.contract.namespace import ContractNamespace

VERSIONS = {
    "DestinationRule": "networking.istio.io/v1beta1",
    "PeerAuthentication": "security.istio.io/v1beta1",
    "AuthorizationPolicy": "security.istio.io/v1beta1",
    "Telemetry": "telemetry.istio.io/v1alpha1",
    "Service": "v1",
}


def made(ns: ContractNamespace, kind: str, name: str, **spec: Any) -> Manifest:
    return ns.here({"apiVersion": VERSIONS[kind], "kind": kind, "metadata": {"name": name}, "spec": spec})


def settled(ns: ContractNamespace, *manifests: Manifest) -> list[Policy]:
    """What became of them, once the mesh has looked."""

    def look() -> list[Policy]:
        found = verify(ns.gateway, manifests, [])
        waits = {"waiting", "stored", "missing"}
        return [] if any(policy.state in waits for policy in found) else list(found)

    found: list[Policy] = ns.until(look)
    return found


@pytest.fixture
def web(ns: ContractNamespace) -> Manifest:
    ports = [{"port": 80, "targetPort": 8080}]
    service = made(ns, "Service", "web", selector={"app": "web"}, ports=ports, sessionAffinity="ClientIP")
    ns.apply(service)
    return service


def test_documented_policies_are_accepted(ns: ContractNamespace, web: Manifest):
    outliers = {"consecutiveGatewayErrors": 3, "interval": "30s", "baseEjectionTime": "30s", "maxEjectionPercent": 50}
    tracing = [{"providers": [{"name": "jaeger"}], "randomSamplingPercentage": 10.0}]
    source = {"principals": [f"cluster.local/ns/{ns.name}/sa/agent-service"]}
    manifests = [
        made(ns, "DestinationRule", "web", host="web", trafficPolicy={"outlierDetection": outliers}),
        made(ns, "PeerAuthentication", "default", mtls={"mode": "STRICT"}),
        made(
            ns,
            "AuthorizationPolicy",
            "web",
            selector={"matchLabels": {"app": "web"}},
            action="ALLOW",
            rules=[{"from": [{"source": source}], "to": [{"operation": {"methods": ["POST"]}}]}],
        ),
        made(ns, "Telemetry", "tracing", tracing=tracing),
    ]
    for manifest in manifests:
        ns.apply(manifest)
    assert [(policy.state, policy.note) for policy in settled(ns, *manifests)] == [("accepted", "")] * 4


def test_a_rule_for_a_host_that_is_not_there_is_refused_in_the_meshs_words(ns: ContractNamespace):
    rule = made(ns, "DestinationRule", "lost", host="nobody", trafficPolicy={"outlierDetection": {}})
    ns.apply(rule)
    (found,) = settled(ns, rule)
    assert found.state == "refused"
    assert 'Referenced host not found: "nobody"' in found.note


def test_a_policy_of_somebody_else_is_found(ns: ContractNamespace, web: Manifest):
    theirs = made(ns, "DestinationRule", "a-platform", host="web", trafficPolicy={"outlierDetection": {}})
    ns.apply(theirs, manager="somebody")
    exception = made(
        ns,
        "PeerAuthentication",
        "exception",
        selector={"matchLabels": {"app": "web"}},
        mtls={"mode": "PERMISSIVE"},
    )
    ns.apply(exception, manager="somebody")
    balancer = {"loadBalancer": {"simple": "RANDOM"}}
    ours = [
        made(ns, "DestinationRule", "web", host="web", trafficPolicy=balancer),
        made(ns, "PeerAuthentication", "default", mtls={"mode": "STRICT"}),
        web,
    ]
    for manifest in ours:
        ns.apply(manifest)
    balancing, peers, affinity = settled(ns, *ours)
    assert "a-platform is older and for the same host" in balancing.note
    assert "except app=web: PERMISSIVE by PeerAuthentication" in peers.note
    assert "inside the mesh DestinationRule" in affinity.note
    assert {balancing.state, peers.state, affinity.state} == {"overridden"}


def test_a_policy_that_somebody_removed_is_missing(ns: ContractNamespace):
    peers = made(ns, "PeerAuthentication", "default", mtls={"mode": "STRICT"})
    assert [policy.state for policy in verify(ns.gateway, [peers], [])] == ["missing"]
