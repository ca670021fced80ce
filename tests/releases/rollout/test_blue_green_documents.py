"""The documents' agent-service by blue-green (11.4.1), good and bad, with requests and a Prometheus."""

from collections.abc import Iterator
from typing import Any

import pytest

from releases.models import Measurement, Rollout, Step
from releases.states import Phase
from tests.environments.kube.traffic import documents
from tests.patience import SOON
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.canaries import (
    IMAGE,
    gateway,
    istio,
    nginx,
    public_gateway,
    service_alone,
    told,
)
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
REAL = [pytest.mark.lane(name) for name in ("kubeconfig", "registry", "prometheus", "metrics", "entry")]
QUICK = {
    "checks": 2, "checkSeconds": 0.1, "soakSeconds": 8, "drainSeconds": 1, "readySeconds": 20, "fatalGraceSeconds": 5,
    "metrics": [
        {"template": "success-rate", "minimum_requests": 5, "interval": 2, "window": 10, "count": 2},
        {"template": "latency", "minimum_requests": 5, "interval": 2, "window": 10, "count": 2},
    ],
}  # fmt: skip
PAIR = documents.BLUE_GREEN.replace(
    "  annotations:\n", '  annotations:\n    test.slipway/rps: "60"\n    test.slipway/path: "/api/agents"\n'
)
AUTH = documents.SERVICE.replace("agent-service", "auth-service")
BUNDLES: dict[str, tuple[str, str, str]] = {
    "service": (service_alone(), "", "service"),
    "pair": (PAIR, "", "nginx"),
    "nginx": (documents.SERVICE, nginx(), "nginx"),
    "gateway": (f"{documents.SERVICE}\n---\n{AUTH}", gateway(), "gateway"),
    "istio": (documents.SERVICE, istio(), "istio"),
}


@pytest.fixture(params=["sandbox", pytest.param("real", marks=REAL)])
def cluster_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live(place: Place, prometheus: str, transactional_db: None) -> Iterator[Portal]:
    with portal(place, prometheus=prometheus) as running:
        for tag in ("1.0.0", "1.1.0"):
            running.push(IMAGE, tag)
        running.push(IMAGE, "1.3.0", error_rate=0.5)
        yield running


def release(live: Portal, version: str, bundle: str) -> Rollout:
    service, routes, router = BUNDLES[bundle]
    files = {
        "base/config.yaml": config(VERSION=version),
        "base/agent.yaml": deployment("agent-service", IMAGE),
        "base/service.yaml": service.replace("ai-workflow-prod", live.namespace),
        **({"base/routes.yaml": routes} if routes else {}),
    }
    parameters: dict[str, Any] = {**QUICK, "router": router}
    return live.ask(version, files, {IMAGE: f"{IMAGE}:{version}"}, strategy="blue-green", parameters=parameters)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bad_version_is_taken_back_by_what_is_measured_and_a_good_one_stays(live: Portal, bundle: str) -> None:
    if bundle == "gateway":
        live.gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": live.namespace}})
        live.gateway.create(public_gateway(live.namespace))
    first = live.wait(release(live, "1.0.0", bundle))
    assert first.phase == Phase.SUCCEEDED, first.why
    bad = live.wait(release(live, "1.3.0", bundle))
    if bad.phase != Phase.ROLLED_BACK:
        live.wait(bad, Phase.ROLLED_BACK, seconds=40)
    assert "success-rate failed" in bad.why, told(bad)
    failed = Measurement.objects.filter(rollout=bad, verdict="fail").earliest("at")
    back = Step.objects.get(rollout=bad, track="back", index=0)
    assert back.finished_at
    assert back.finished_at.timestamp() - failed.at < SOON
    assert live.get("Deployment", "agent-service-green") is None
    good = live.wait(release(live, "1.1.0", bundle), seconds=60)
    assert good.phase == Phase.SUCCEEDED, told(good)
    assert live.get("Deployment", "agent-service") is None
