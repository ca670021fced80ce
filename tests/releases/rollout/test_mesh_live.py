"""Rollouts with traffic policies, and beside KEDA, from the request to the end, on a cluster."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from environments.kube.autoscaling.reading import AutoscalerReader
from environments.kube.objects import Manifest
from environments.models import Workload
from releases.models import Rollout, Step
from releases.states import Phase
from releases.strategies.shared import policy_step
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def live(place: Place, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    monkeypatch.setitem(policy_step.LONGEST, "refused", 3.0)
    monkeypatch.setattr(AutoscalerReader.__init__, "__defaults__", (0.5,))
    with portal(place) as running:
        running.push("shop/web", "1")
        yield running


SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 8080}]}\n"
STRICT = """\
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""


def breaker(host: str = "web") -> str:
    return f"""\
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: {{name: web}}
spec:
  host: {host}
  trafficPolicy: {{outlierDetection: {{consecutiveGatewayErrors: 3, baseEjectionTime: 30s, maxEjectionPercent: 50}}}}
"""


def release(live: Portal, version: str, *, replicas: int = 1, **more: str) -> Rollout:
    files = {"config": config(COLOUR=version), "web": deployment("web", "shop/web", replicas=replicas), **more}
    bundle = {f"base/{name}.yaml": text for name, text in files.items()}
    parameters = {"fatalGraceSeconds": 1}
    return live.wait(live.ask(version, bundle, {"shop/web": "shop/web:1"}, parameters=parameters))


def step_of(rollout: Rollout) -> Step:
    return Step.objects.get(rollout=rollout, label__startswith="Verify ", track="forward")


def states(rollout: Rollout) -> dict[str, str]:
    return {policy["family"]: policy["state"] for policy in rollout.policies}


def theirs(live: Portal, manifest: dict[str, Any]) -> None:
    """What a platform team puts there."""
    metadata = {**manifest["metadata"], "namespace": live.namespace}
    live.gateway.apply({**manifest, "metadata": metadata}, manager="platform-team")


def test_policies_are_read_back_and_kept_with_the_rollout(live: Portal) -> None:
    rollout = release(live, "1.0.0", service=SERVICE, breaker=breaker(), strict=STRICT)
    assert (rollout.phase, rollout.why) == (Phase.SUCCEEDED, "")
    step = step_of(rollout)
    assert (step.label, step.why) == ("Verify 2 traffic policies", "2 of 2 in effect as written")
    assert states(rollout) == {"circuit-breakers": "accepted", "mtls": "accepted"}


def test_an_exception_that_somebody_else_made_is_said(live: Portal) -> None:
    release(live, "1.0.0", strict=STRICT)
    exception: Manifest = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "legacy"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "mtls": {"mode": "PERMISSIVE"}},
    }
    theirs(live, exception)
    rollout = release(live, "1.1.0", strict=STRICT)
    assert rollout.phase == Phase.SUCCEEDED
    assert states(rollout) == {"mtls": "overridden"}
    assert "to be looked at" in step_of(rollout).why
    assert f"except app=web: PERMISSIVE by PeerAuthentication {live.namespace}/legacy" in step_of(rollout).why


def test_a_policy_that_the_mesh_refuses_fails_the_rollout_in_its_words(live: Portal) -> None:
    rollout = release(live, "1.0.0", breaker=breaker("nobody"))
    assert rollout.phase == Phase.FAILED
    assert 'Referenced host not found: "nobody"' in rollout.why
    assert states(rollout) == {"circuit-breakers": "refused"}


def test_a_rollout_leaves_the_pods_to_somebody_elses_scaled_object(live: Portal) -> None:
    release(live, "1.0.0")
    trigger = {"type": "rabbitmq", "metadata": {"queueName": "orders", "value": "10"}}
    spec = {"scaleTargetRef": {"name": "web"}, "minReplicaCount": 3, "maxReplicaCount": 5, "triggers": [trigger]}
    metadata = {"name": "web", "annotations": {"test.slipway/metric": "40"}}
    theirs(live, {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec})
    live.wait_for(lambda: replicas(live) >= 3)
    rollout = release(live, "1.1.0")
    assert rollout.phase == Phase.SUCCEEDED
    assert replicas(live) >= 3
    live.wait_for(lambda: "keda-hpa-web" in kept(live))


def replicas(live: Portal) -> int:
    found = live.get("Deployment", "web")
    assert found
    return int(found["spec"]["replicas"])


def kept(live: Portal) -> str:
    return json.dumps(Workload.objects.get(namespace=live.namespace, name="web").autoscaling)
