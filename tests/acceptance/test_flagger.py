"""Releases through Flagger: the real controller, and its double in the sandbox."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from releases import actions
from releases.models import Rollout
from releases.states import ENDED, Phase
from sandbox import Sandbox
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Place, Portal, portal, real_place, sandbox_place

pytestmark = [pytest.mark.django_db(transaction=True)]
HOST = "web.example.test"
FAST = {"interval": 10, "threshold": 1, "maxWeight": 40, "stepWeight": 20, "progressDeadlineSeconds": 60}
BAD = {"error_rate": 0.3}
LONG = 300.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=4) as running:
        yield running


@contextmanager
def shop_in(place: Place) -> Iterator[Portal]:
    """A portal whose registry has web as 1, 2 (good) and 3 (bad)."""
    with portal(place, progress_seconds=120) as running:
        for tag, behaviour in (("1", {}), ("2", {}), ("3", BAD)):
            running.push("shop/web", tag, **behaviour)
        yield running


@pytest.fixture
def shop(sandbox: Sandbox, transactional_db: None) -> Iterator[Portal]:
    with shop_in(sandbox_place(sandbox)) as running:
        yield running


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Portal]:
    monkeypatch.setenv("SLIPWAY_TEST_KUBECONFIG", os.environ["SLIPWAY_TEST_FLAGGER"])
    with shop_in(real_place()) as running:
        yield running


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.lane("flagger"))])
def either(request: pytest.FixtureRequest) -> Portal:
    found: Portal = request.getfixturevalue("real" if request.param == "real" else "shop")
    return found


SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, labels: {team: shop}}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


def route(host: str) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web}}
spec:
  hosts: [{host}]
  gateways: [edge]
  http:
  - timeout: 10s
    route: [{{destination: {{host: web, port: {{number: 80}}}}}}]
"""


def ingress(host: str) -> str:
    return f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: web}}
spec:
  ingressClassName: nginx
  rules:
  - host: {host}
    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: web, port: {{number: 80}}}}}}}}]}}
"""


def http_route(host: str) -> str:
    return f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec:
  parentRefs: [{{name: edge}}]
  hostnames: [{host}]
  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]
"""


def traffic(host: str) -> str:
    labelled = "metadata:\n  name: traffic\n  labels: {test.slipway/traffic: 'true'}"
    return f"apiVersion: v1\nkind: ConfigMap\n{labelled}\ndata: {{host: {host}, rps: '40'}}\n"


def release(
    shop: Portal,
    version: str,
    tag: str,
    strategy: str = "flagger",
    by: Callable[[str], str] = route,
    **more: Any,
) -> Rollout:
    host = f"{shop.namespace}.{HOST}"
    files = {
        "base/config.yaml": config(VERSION=version),
        "base/traffic.yaml": traffic(host),
        "base/web.yaml": deployment("web", "shop/web"),
        "base/service.yaml": SERVICE,
        "base/route.yaml": by(host),
    }
    parameters = FAST if strategy == "flagger" else {"fatalGraceSeconds": 1}
    return shop.ask(
        version, files, {"shop/web": f"shop/web:{tag}"}, strategy=strategy, parameters={**parameters, **more}
    )


def canary(shop: Portal) -> dict[str, Any]:
    found = shop.get("Canary", "web", "flagger.app/v1beta1")
    assert found is not None, "there is no Canary"
    return found


def served(shop: Portal) -> tuple[str, int]:
    """The tag that the primary runs, and how many of its pods are ready."""
    found = shop.get("Deployment", "web-primary")
    assert found is not None, "Flagger has no primary"
    return image(found), int((found.get("status") or {}).get("readyReplicas") or 0)


def image(deployment: dict[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"]).partition("@")[0][-1:]


def service_selector(shop: Portal) -> dict[str, str]:
    found = shop.get("Service", "web", "v1")
    assert found is not None
    return dict(found["spec"].get("selector") or {})


def weights(shop: Portal) -> list[int]:
    found = shop.get("VirtualService", "web", "networking.istio.io/v1")
    assert found is not None
    return [int(each.get("weight") or 0) for each in found["spec"]["http"][-1]["route"]]


def followed(shop: Portal, rollout: Rollout, at: Callable[[], bool] = lambda: False) -> tuple[Rollout, list[str], list]:
    """The rollout at its end, or when `at` holds, with every `why` and every pair of weights on the way."""
    said: list[str] = []
    shares: list[list[int]] = []
    until = time.monotonic() + LONG
    while (rollout := Rollout.objects.get(pk=rollout.pk)).phase not in ENDED and not at():
        said += [rollout.why] if rollout.why not in said else []
        shares += [now] if (now := weights(shop)) not in shares else []
        assert time.monotonic() < until, rollout.why
        time.sleep(0.05)
    return rollout, said, shares


def words(rollout: Rollout, label: str, track: str = "forward") -> str:
    return str(rollout.steps.get(track=track, label__startswith=label).why)


@pytest.mark.timeout(480)
def test_an_application_goes_to_flagger_is_released_refused_aborted_and_leaves_it_again(either):
    assert either.wait(release(either, "1.0.0", "1", "rolling"), seconds=LONG).phase == Phase.SUCCEEDED

    good, said, shares = followed(either, release(either, "1.1.0", "2"))
    assert good.phase == Phase.SUCCEEDED, good.why
    assert any("Progressing: 20 % to the new version, 0 of 1 failed checks; Advance web." in why for why in said), said
    assert [80, 20] in shares
    assert [60, 40] in shares
    assert weights(either) == [100, 0]
    assert words(good, "Canary").endswith("web-primary serves")
    assert words(good, "Follow").startswith("web: Succeeded: web-primary has the new version, 2 of 2 pods")
    assert service_selector(either) == {"app": "web-primary"}

    before = served(either)
    bad, _, _ = followed(either, release(either, "1.3.0", "3"))
    assert bad.phase == Phase.ROLLED_BACK, bad.why
    assert "advancement success rate" in words(bad, "Follow")
    at_rest(either)
    assert served(either) == before

    middle, _, _ = followed(either, release(either, "1.2.0", "1"), lambda: weights(either) == [80, 20])
    actions.abort(either.operator, middle, "not today")
    aborted = either.wait(middle, seconds=LONG)
    assert aborted.phase == Phase.ABORTED, aborted.why
    assert "web-primary has the old version alone" in words(aborted, "Back", "back")
    at_rest(either)
    assert served(either) == before

    left = either.wait(release(either, "1.4.0", "1", "rolling"), seconds=LONG)
    assert left.phase == Phase.SUCCEEDED, left.why
    assert either.get("Canary", "web", "flagger.app/v1beta1") is None
    assert service_selector(either) == {"app": "web"}
    route = either.get("VirtualService", "web", "networking.istio.io/v1")
    assert route is not None
    assert [each["destination"]["host"] for each in route["spec"]["http"][0]["route"]] == ["web"]
    target = either.get("Deployment", "web")
    assert target is not None
    assert target["status"]["readyReplicas"] == 2


def at_rest(shop: Portal) -> None:
    """All requests to the primary, no pod of the target, and a Canary as the plan has it."""
    target, found = shop.get("Deployment", "web"), canary(shop)
    assert target is not None
    assert weights(shop) == [100, 0]
    assert target["spec"]["replicas"] == 0
    assert not found["spec"].get("skipAnalysis")
    assert not found["spec"].get("suspend")


GATEWAY = {"gatewayClassName": "edge", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}


WORKLOAD = 'destination_workload_namespace="{{ namespace }}",destination_workload="{{ target }}"'
GOOD = f'sum(rate(istio_requests_total{{reporter="source",response_code="200",{WORKLOAD}}}[30s]))'
ALL = f'sum(rate(istio_requests_total{{reporter="source",{WORKLOAD}}}[30s]))'
OWN = {"name": "answered", "query": f"100 * {GOOD} / {ALL}", "interval": "30s", "thresholdRange": {"min": 99}}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("by", "more"), [(ingress, {}), (http_route, {"builtIn": False, "metrics": [OWN]})], ids=["nginx", "gateway"]
)
@pytest.mark.lane("flagger")
def test_the_real_one_moves_requests_by_other_routers_too(real: Portal, by: Callable[[str], str], more: dict[str, Any]):
    assert real.wait(release(real, "1.0.0", "1", "rolling", by), seconds=LONG).phase == Phase.SUCCEEDED
    gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "spec": GATEWAY}
    metadata = {"name": "edge", "namespace": real.namespace}
    real.gateway.apply({**gateway, "metadata": metadata}, manager="test")
    rollout = release(real, "1.1.0", "2", by=by, maxWeight=20, **more)
    seen = set()
    while (rollout := Rollout.objects.get(pk=rollout.pk)).phase not in ENDED:
        found = real.get("Canary", "web", "flagger.app/v1beta1") or {}
        seen.add((found.get("status") or {}).get("canaryWeight"))
        time.sleep(0.2)
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    assert 20 in seen
    assert words(rollout, "Follow").startswith("web: Succeeded: web-primary has the new version")


def test_a_first_release_is_rolled_and_handed_over(shop):
    done = shop.wait(release(shop, "1.0.0", "1"), seconds=LONG)
    assert done.phase == Phase.SUCCEEDED, done.why
    assert canary(shop)["status"]["phase"] == "Initialized"
    assert service_selector(shop) == {"app": "web-primary"}
    assert served(shop)[1] == 2


def test_the_way_back_to_flagger_leaves_no_gap(shop):
    for version, tag, strategy in (("1.0.0", "1", "rolling"), ("1.1.0", "2", "flagger"), ("1.2.0", "1", "rolling")):
        left = shop.wait(release(shop, version, tag, strategy), seconds=LONG)
        assert left.phase == Phase.SUCCEEDED, left.why
    actions.rollback(shop.operator, Rollout.objects.get(pk=left.pk), "we want Flagger again")
    seen: list[dict[str, str]] = []
    while (left := Rollout.objects.get(pk=left.pk)).phase not in (Phase.ROLLED_BACK, Phase.FAILED):
        seen += [now] if (now := service_selector(shop)) not in seen else []
        time.sleep(0.02)
    assert left.phase == Phase.ROLLED_BACK, left.why
    assert [*seen, service_selector(shop)][-1] == {"app": "web-primary"}
    assert {} not in seen
    assert served(shop)[1] == 2
    assert canary(shop)["status"]["phase"] == "Initialized"


def test_a_pause_holds_flagger_where_it_is(shop):
    assert shop.wait(release(shop, "1.0.0", "1"), seconds=LONG).phase == Phase.SUCCEEDED
    rollout = release(shop, "1.1.0", "2")
    shop.wait_for(lambda: weights(shop) == [80, 20], LONG)
    actions.pause(shop.operator, Rollout.objects.get(pk=rollout.pk))
    shop.wait_for(lambda: canary(shop)["spec"].get("suspend"))
    held = weights(shop)
    time.sleep(4)
    assert (weights(shop), Rollout.objects.get(pk=rollout.pk).phase) == (held, Phase.PAUSED)
    actions.resume(shop.operator, Rollout.objects.get(pk=rollout.pk))
    rollout = shop.wait(rollout, seconds=LONG)
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    assert not canary(shop)["spec"].get("suspend")


def test_promote_fully_skips_the_analysis(shop):
    assert shop.wait(release(shop, "1.0.0", "1"), seconds=LONG).phase == Phase.SUCCEEDED
    rollout = release(shop, "1.1.0", "2", maxWeight=90, stepWeight=2)
    shop.wait_for(lambda: weights(shop) != [100, 0], LONG)
    asked = Rollout.objects.get(pk=rollout.pk)
    actions.perform("promote-fully", shop.operator, asked, comment="a hotfix that waits for nothing")
    rollout = shop.wait(rollout, seconds=LONG)
    assert rollout.phase == Phase.SUCCEEDED, rollout.why
    assert not canary(shop)["spec"].get("skipAnalysis")
