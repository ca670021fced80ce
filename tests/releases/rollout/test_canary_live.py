"""Canaries from the request to the end, on a cluster with traffic and a Prometheus."""

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from environments.kube.objects import Ref
from releases import actions
from releases.models import Measurement, Rollout, Step
from releases.states import Phase
from tests.environments.kube.traffic import documents
from tests.releases.rollout.bundles import deployment
from tests.releases.rollout.canaries import (
    IMAGE,
    files,
    gateway,
    nginx,
    public_gateway,
    release,
    service_alone,
    told,
    verdicts,
)
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
REAL = [pytest.mark.lane(name) for name in ("kubeconfig", "registry", "prometheus", "metrics", "entry")]


@pytest.fixture(params=["sandbox", pytest.param("real", marks=REAL)])
def cluster_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live(place: Place, prometheus: str, transactional_db: None) -> Iterator[Portal]:
    with portal(place, prometheus=prometheus) as running:
        for tag in ("1.0.0", "1.1.0", "1.2.0"):
            running.push("ai/agent-service", tag)
        running.push("ai/agent-service", "1.3.0", error_rate=0.5)
        yield running


def started(live: Portal, **more: Any) -> Rollout:
    """1.0.0 runs."""
    rollout = live.wait(release(live, "1.0.0", "rolling", bundle=files(**more)))
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    return rollout


BUSY = 2.0  # seconds: the target is one, and a machine that runs every test at once is slower than any other


def seconds_to_zero(rollout: Rollout) -> float:
    """From the failing measurement to the 0 % that was read back."""
    failed = Measurement.objects.filter(rollout=rollout, verdict="fail").earliest("at")
    off = Step.objects.get(rollout=rollout, track="back", index=0)
    assert off.why == "0 % read back for agent-service"
    assert off.finished_at
    return off.finished_at.timestamp() - failed.at


def with_gateway(live: Portal) -> None:
    """What an administrator has put there before."""
    live.gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": live.namespace}})
    live.gateway.create(public_gateway(live.namespace))


def is_gone(live: Portal, *refs: tuple[str, str]) -> bool:
    return all(
        live.gateway.get(Ref(version, kind, live.namespace, "agent-service-canary")) is None for version, kind in refs
    )


def weights(live: Portal) -> list[tuple[str, int]]:
    found = live.get("VirtualService", "agent-service", "networking.istio.io/v1beta1")
    assert found
    return [(each["destination"]["subset"], each.get("weight", 100)) for each in found["spec"]["http"][-1]["route"]]


def test_a_good_release_goes_up_by_evidence_and_is_promoted(live: Portal) -> None:
    started(live)
    rollout = live.wait(release(live, "1.1.0", bundle=files("green")), seconds=60)
    assert rollout.phase == Phase.SUCCEEDED, told(rollout)
    assert set(verdicts(rollout)) <= {"pass", "inconclusive"}
    assert verdicts(rollout)["pass"] >= 12
    assert weights(live) == [("stable", 100)]
    assert is_gone(live, ("apps/v1", "Deployment"), ("v1", "Service"))


def test_a_bad_release_is_taken_back_by_its_metrics_at_once(live: Portal) -> None:
    started(live)
    rollout = live.wait(release(live, "1.3.0", bundle=files("green")), Phase.ROLLED_BACK, seconds=50)
    assert seconds_to_zero(rollout) < BUSY
    assert is_gone(live, ("apps/v1", "Deployment"), ("v1", "Service"))


AUTH = documents.SERVICE.replace("agent-service", "auth-service")
ROUTERS: dict[str, dict[str, str]] = {
    "nginx": {"routes": nginx()},
    "gateway": {"routes": gateway(), "auth": AUTH},
    "service": {"routes": "", "service": service_alone()},
}


@pytest.mark.parametrize("router", ROUTERS)
def test_each_router_moves_requests_up_and_all_of_them_back(live: Portal, router: str) -> None:
    if router == "gateway":
        with_gateway(live)
    started(live, **ROUTERS[router])
    bad = live.wait(release(live, "1.3.0", bundle=files("green", **ROUTERS[router])), Phase.ROLLED_BACK, seconds=50)
    assert "success-rate failed" in bad.why
    assert seconds_to_zero(bad) < BUSY
    good = live.wait(release(live, "1.1.0", bundle=files("green", **ROUTERS[router])), seconds=60)
    assert good.phase == Phase.SUCCEEDED, "\n".join(told(good))
    assert verdicts(good)["pass"] >= 12
    assert is_gone(live, ("apps/v1", "Deployment"), ("v1", "Service"), ("networking.k8s.io/v1", "Ingress"))


@pytest.mark.parametrize("router", ["istio", "nginx", "gateway"])
def test_testers_see_the_canary_before_any_weight_and_nobody_else_does(live: Portal, entry: str, router: str) -> None:
    if router == "gateway":
        with_gateway(live)
    more = ROUTERS.get(router, {})
    started(live, **more)
    testers = {"testersHeader": "x-early", "testersValue": "yes", "testersCookie": "early"}
    rollout = live.wait(release(live, "1.1.0", bundle=files("green", **more), **testers), Phase.PAUSED)
    assert rollout.why.startswith("Requests with the header x-early: yes or the cookie early=always get 1.1.0")

    def sides(**headers: str) -> set[bool]:
        """Whether the canary answers requests with these headers."""
        host, path = (live.mesh_host, "/") if router == "istio" else (live.public_host, "/api/agents")
        answers = [urllib3.request("GET", f"{entry}{path}", headers={"Host": host, **headers}) for _ in range(8)]
        return {"agent-service-canary" in answer.json()["pod"] for answer in answers}

    live.wait_for(lambda: sides(**{"x-early": "yes"}) == {True}, seconds=10)
    assert sides(Cookie="early=always") == {True}
    assert sides() == sides(**{"x-early": "no"}) == {False}
    actions.abort(live.operator, rollout)
    live.wait(rollout, Phase.ABORTED)


def test_two_services_behind_one_route_go_up_side_by_side(live: Portal) -> None:
    with_gateway(live)
    requests = "  annotations: {test.slipway/path: /api/auth, test.slipway/rps: '60'}"
    second = documents.HTTP_ROUTE.replace("  name: agent-service", f"  name: auth-requests\n{requests}", 1)
    both = {
        "routes": f"{gateway()}---{second}",
        "auth": AUTH,
        "service2": deployment("auth-service", IMAGE, replicas=2),
    }
    started(live, **both)
    rollout = live.wait(release(live, "1.1.0", bundle=files("green", **both), router="gateway"), seconds=90)
    assert rollout.phase == Phase.SUCCEEDED, told(rollout)
    assert Step.objects.filter(rollout=rollout, label="50 %: agent-service, auth-service").exists()
    passed = Measurement.objects.filter(rollout=rollout, verdict="pass")
    assert {point.workload for point in passed} == {"agent-service", "auth-service"}


def test_canaries_follow_each_other_and_an_earlier_one_is_brought_back_by_a_canary(live: Portal) -> None:
    started(live)
    first = live.wait(release(live, "1.1.0", bundle=files("green"), weights=[50]), seconds=60)
    assert first.phase == Phase.SUCCEEDED, told(first)
    bad = live.wait(release(live, "1.3.0", bundle=files("red"), weights=[50]), Phase.ROLLED_BACK, seconds=60)
    assert "success-rate failed" in bad.why
    assert is_gone(live, ("apps/v1", "Deployment"), ("v1", "Service"))
    second = live.wait(release(live, "1.2.0", bundle=files("yellow"), weights=[50]), seconds=60)
    assert second.phase == Phase.SUCCEEDED, told(second)
    undo = live.wait(
        actions.undo(live.operator, live.application, live.environment, first, reason="as before"), seconds=60
    )
    assert undo.phase == Phase.SUCCEEDED, told(undo)
    assert Step.objects.filter(rollout=undo, label="50 %: agent-service", state="done").exists()
    maps = [each["data"].get("COLOUR") for each in live.gateway.list("v1", "ConfigMap", live.namespace)]
    assert [colour for colour in maps if colour] == ["green"]
