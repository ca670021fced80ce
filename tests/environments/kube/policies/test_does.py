"""What a policy does, in a sentence. The first of each are the documents' own (11.5, 11.6)."""

import pytest

from environments.kube.policies import families, planned
from environments.manifests.kinds import allowed
from tests.environments.kube.policies.making import authorizing, made, peers, rule, rules_by

AGENT = "cluster.local/ns/ai-workflow-prod/sa/agent-service"
POOL = {
    "tcp": {"maxConnections": 100},
    "http": {"http1MaxPendingRequests": 50, "http2MaxRequests": 100, "maxRequestsPerConnection": 2},
}
OUTLIERS = {"interval": "30s", "baseEjectionTime": "30s", "maxEjectionPercent": 50}
NGINX = "nginx.ingress.kubernetes.io/"
DOCUMENTED_INGRESS = {
    "limit-rps": "10", "affinity": "cookie", "session-cookie-name": "route", "session-cookie-max-age": "172800",
    "enable-cors": "true", "cors-allow-origin": "https://app.example", "cors-allow-methods": "GET, POST",
    "ssl-redirect": "true", "proxy-body-size": "50m",
}  # fmt: skip


def ingress(annotations=DOCUMENTED_INGRESS, **spec):
    return made("Ingress", annotations={NGINX + name: value for name, value in annotations.items()}, **spec)


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (peers(), "mTLS STRICT for the whole namespace"),
        (peers(namespace="istio-system"), "mTLS STRICT for the whole mesh"),
        (peers(mode="PERMISSIVE", selector={"app": "code"}), "mTLS PERMISSIVE for app=code"),
        (
            peers(selector={"app": "code"}, portLevelMtls={"8080": {"mode": "DISABLE"}, "81": {"mode": "UNSET"}}),
            "mTLS STRICT for app=code, DISABLE on port 8080",
        ),
        (peers(mode="UNSET", selector={"app": "code"}), "mTLS as the wider policy has it for app=code"),
        (
            authorizing(
                rules=[rules_by(AGENT, methods=["POST"], paths=["/api/code-execution/execute"])],
                selector={"app": "code"},
            ),
            ("lets in agent-service of ai-workflow-prod with POST /api/code-execution/execute to app=code; "
            "all else is refused"),
        ),
        (
            authorizing(action="DENY", rules=[{"from": [{"source": {"notNamespaces": ["ai-workflow-prod"]}}]}]),
            "refuses all but namespace ai-workflow-prod to the whole namespace",
        ),
        (authorizing(rules=[]), "lets nobody in to the whole namespace"),
        (authorizing(action="DENY", rules=[]), "refuses nobody to the whole namespace, since it has no rule"),
        (authorizing(), "lets in everybody to the whole namespace; all else is refused"),
        (
            made("Telemetry", tracing=[{
                "providers": [{"name": "jaeger"}], "randomSamplingPercentage": 10.0,
                "customTags": {"version": {}, "environment": {}},
            }]),
            "traces 10 % of requests to jaeger with environment and version, for the whole namespace",
        ),
        (made("Telemetry", accessLogging=[{"disabled": True}]), "logs no access, for the whole namespace"),
        (
            rule(policy={"outlierDetection": {"consecutiveGatewayErrors": 3, "minHealthPercent": 40}}),
            ("ejects after 3 consecutive gateway errors or 5 consecutive errors for 30 s, at most 10 %, "
            "while 40 % are healthy"),
        ),
        (
            rule(policy={"outlierDetection": {"consecutive5xxErrors": 5, **OUTLIERS}}),
            "ejects after 5 consecutive errors for 30 s, at most 50 %",
        ),
        (rule(policy={"outlierDetection": {}}), "ejects after 5 consecutive errors for 30 s, at most 10 %"),
        (rule(policy={"outlierDetection": {"consecutive5xxErrors": 0}}), "ejects nobody for errors"),
        (
            rule(policy={"connectionPool": POOL}),
            "at most 100 connections, 50 waiting requests, 100 requests and 2 requests a connection",
        ),
        (rule(policy={"loadBalancer": {"simple": "LEAST_REQUEST"}}), "requests go to the pod with the fewest"),
        (
            rule(policy={"loadBalancer": {"consistentHash": {"httpHeaderName": "x-user-id"}}}),
            "requests with the same x-user-id go to the same pod",
        ),
        (
            made("Service", sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}}),
            "a client's address stays with its pod for 3 h",
        ),
        (
            ingress(tls=[{"hosts": ["api.example"], "secretName": "api-tls"}]),
            ("10 requests/s a client; a client stays with its pod by the cookie route for 2 days; pages of "
            "https://app.example may call it (GET, POST); HTTP is sent on to HTTPS; bodies up to 50m; "
            "TLS for api.example (api-tls)"),
        ),
        (ingress({"upstream-max-fails": "3"}), "asks for upstream-max-fails"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_policy_says_what_it_does(manifest, sentence):
    assert [policy.does for policy in planned(manifest)] == [sentence]


@pytest.mark.parametrize(
    "manifest",
    [
        made("Service", type="ClusterIP"),
        ingress({}, rules=[{"host": "api.example"}]),
        made("DestinationRule", host="web", subsets=[{"name": "stable", "labels": {"track": "stable"}}]),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {}},
    ],
    ids=["service", "ingress", "subsets alone", "workload"],
)
def test_objects_without_a_policy_have_none(manifest):
    assert planned(manifest) == ()


def test_one_rule_may_have_policies_of_two_families():
    both = rule(policy={"outlierDetection": {}, "loadBalancer": {"simple": "RANDOM"}})
    assert [policy.family for policy in planned(both)] == ["circuit-breakers", "load-balancing"]


def test_a_policy_survives_its_json():
    policy = planned(peers())[0]
    assert type(policy).from_json(policy.to_json()) == policy


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_a_bundle_may_have_every_kind_of_policy(family):
    assert [kind for kind in family.kinds if not allowed(kind, None)] == []
