"""A bundle whose text would lead a call to another namespace is refused, in words, before any call."""

from collections.abc import Callable
from typing import Any

import pytest

from environments.manifests.errors import BundleError
from releases import actions
from releases.errors import PlanRefused
from releases.plan.objects import Wanted
from releases.planning.planner import make_plan
from tests.releases.rollout.coloured import PROBE, arranged, deployment, service
from tests.releases.world import WEB, World

AWAY = "/../../../../../../../../api/v1/namespaces/other/secrets/token"
NAMES = ["../../other/secrets/token", "..", "web/../../x", "web%2f..%2fx", "web?x=", "web#", "web\\..", "WEB", "web\n"]
SMOKE = "smokeTests: [{{name: s, service: web, port: 80, path: '{}', status: 599}}]"


class Untouched:
    """A cluster that must not be asked for anything."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AssertionError(f"the cluster was asked: {name}")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "Service", "Deployment"])
def test_an_object_named_past_its_namespace_is_refused_at_planning(world: World, kind: str, name: str) -> None:
    api_version = "apps/v1" if kind == "Deployment" else "v1"
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name!r}}}\n".replace("'", '"')
    release = world.release(files={"base/web.yaml": WEB, "base/away.yaml": text})
    rollout = actions.request(world.people["developer"], release, world.environments["dev"])
    with pytest.raises(BundleError, match=r"^base/away\.yaml line 3, metadata\.name: '.*' does not fit: "):
        make_plan(rollout, Untouched())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", [AWAY, AWAY.replace("..", "%2e%2e"), "/a/..%2f..%2fb", "//other.example/", "/a\\\\..\\\\b"]
)
def test_a_smoke_test_past_its_service_is_refused_when_the_bundle_comes(world: World, path: str) -> None:
    with pytest.raises(BundleError, match=r"slipway\.yaml line 1, smokeTests\[0\]\.path: "):
        world.release(files={"base/web.yaml": WEB, "slipway.yaml": SMOKE.format(path)})


def test_a_smoke_test_led_past_its_service_by_a_placeholder_is_refused_at_planning(world: World) -> None:
    release = world.release("1.0.0", files={"base/web.yaml": WEB, "slipway.yaml": SMOKE.format("/a/${AWAY}/b")})
    environment = world.environments["dev"]
    environment.configuration.create(application="", config_map="", key="AWAY", value="../../x", sensitive=False)
    rollout = actions.request(world.people["developer"], release, environment)
    with pytest.raises(BundleError, match=r"slipway\.yaml line 1, smokeTests\[0\]\.path: \.\. leads to another place"):
        make_plan(rollout, Untouched())  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [AWAY, AWAY[1:], "/%2e%2e/x", "/a//b", "/a#b", "/a\\b"])
def test_a_readiness_probe_past_its_service_refuses_blue_green(path: str) -> None:
    probe = {"httpGet": {**PROBE["httpGet"], "path": path}}
    bundle = (service(), deployment(readinessProbe=probe))
    with pytest.raises(PlanRefused, match=r"Deployment shop/web, .*readinessProbe\.httpGet\.path cannot be asked: "):
        arranged(*bundle)


def test_a_stored_smoke_test_past_its_service_refuses_blue_green() -> None:
    test = {"name": "s", "service": "web", "port": 80, "path": AWAY, "status": 599, "contains": "", "timeout": 3}
    with pytest.raises(PlanRefused, match=r"The smoke test 's' of slipway\.yaml cannot be asked: "):
        arranged(smoke_tests=(test,))


@pytest.mark.parametrize(("given", "asked"), [("healthz", "/healthz"), ("/a?b=/../c", "/a?b=/../c"), (None, "/")])
def test_the_usual_probes_are_taken(given: str | None, asked: str) -> None:
    probe = {"httpGet": {"port": 8080, **({"path": given} if given else {})}}
    bundle: tuple[Wanted, ...] = (service(), deployment(readinessProbe=probe))
    [entry] = arranged(*bundle).traffic
    assert entry["health"]["path"] == asked
