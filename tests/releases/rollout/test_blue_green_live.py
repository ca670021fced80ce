"""Blue-green from the request to the end, on a cluster: by a Service's selector, and by the Ingress of a bundle."""

import json
from collections.abc import Iterator

import pytest

from environments.kube.names import TRACK
from environments.kube.objects import Ref
from releases import actions
from releases.models import Rollout, Step
from releases.states import Phase
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
QUICK = {
    "fatalGraceSeconds": 1, "checks": 3, "checkSeconds": 0.1, "soakSeconds": 1, "drainSeconds": 0.5, "readySeconds": 20,
}  # fmt: skip


@pytest.fixture
def live(place: Place, transactional_db: None) -> Iterator[Portal]:
    with portal(place) as running:
        for tag in ("1", "2", "3"):
            running.push("shop/web", tag)
        running.push("shop/web", "bad", health={"/healthz": 200, "/": 500}, error_rate=1.0)
        yield running


def service(name: str = "web", port: int = 80) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: {port}, targetPort: 8080}}]
"""


def ingress(name: str = "web", host: str = "web.example.test") -> str:
    return f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  annotations: {{nginx.ingress.kubernetes.io/upstream-vhost: "{name}.shop.svc.cluster.local"}}
spec:
  ingressClassName: nginx
  rules:
  - host: {host}
    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}
"""


def smoke(path: str = "/", status: int = 200) -> str:
    return json.dumps({"smokeTests": [{"name": "front", "service": "web", "port": 80, "path": path, "status": status}]})


def files(colour: str = "one", **more: str) -> dict[str, str]:
    return {
        "base/config.yaml": config(VERSION=colour),
        "base/web.yaml": deployment("web", "shop/web"),
        "base/service.yaml": service(),
        **{f"base/{name}.yaml": text for name, text in more.items() if name != "slipway"},
        **({"slipway.yaml": more["slipway"]} if "slipway" in more else {}),
    }


def release(live: Portal, version: str, tag: str, strategy: str = "blue-green", **more: str) -> Rollout:
    parameters = QUICK if strategy == "blue-green" else {"fatalGraceSeconds": 1}
    parameters = {**parameters, **({"router": more.pop("router")} if "router" in more else {})}
    bundle = files(tag, **more)
    return live.ask(version, bundle, {"shop/web": f"shop/web:{tag}"}, strategy=strategy, parameters=parameters)


def track(live: Portal, name: str = "web") -> str:
    found = live.get("Service", name, "v1")
    assert found
    return str(found["spec"]["selector"].get(TRACK, ""))


def deployments(live: Portal) -> set[str]:
    return {each["metadata"]["name"] for each in live.gateway.list("apps/v1", "Deployment", live.namespace)}


def version_served(live: Portal, name: str = "web") -> str:
    _, body = live.gateway.proxy(live.namespace, name, 80, "/")
    return str(json.loads(body)["version"])


def labels(rollout: Rollout, track: str = "forward") -> list[tuple[str, str]]:
    return list(Step.objects.filter(rollout=rollout, track=track).order_by("index").values_list("label", "state"))


def succeeded(live: Portal, rollout: Rollout) -> Rollout:
    live.wait(rollout)
    assert rollout.phase == Phase.SUCCEEDED, (rollout.why, labels(rollout))
    return rollout


def names_of(live: Portal, kind: str, api_version: str = "v1") -> set[str]:
    return {each["metadata"]["name"] for each in live.gateway.list(api_version, kind, live.namespace)}


def test_a_release_goes_to_green_and_the_next_to_blue(live: Portal) -> None:
    first = succeeded(live, release(live, "1.0.0", "1"))
    assert deployments(live) == {"web"}
    second = succeeded(live, release(live, "1.1.0", "2"))
    assert (deployments(live), track(live), version_served(live)) == ({"web-green"}, "green", "2")
    assert names_of(live, "Service") == {"web"}
    third = succeeded(live, release(live, "1.2.0", "3"))
    assert (deployments(live), track(live), version_served(live)) == ({"web-blue"}, "blue", "3")
    assert [label for label, _ in labels(third)] == [
        "Check that the plan still holds", "Hold requests on web-green", "Configuration", "Services",
        "Deploy web-blue beside web-green", "Try web-blue through its preview", "Switch requests to web-blue",
        "Look after web-blue under all requests", "Keep the old version until nobody asks it", "Size of web",
        "Remove 3 objects no longer in it", "Read everything back",
    ]  # fmt: skip
    assert first.pk < second.pk


def test_a_version_that_fails_its_smoke_test_never_serves(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    rollout = live.wait(release(live, "1.1.0", "bad", slipway=smoke()))
    assert rollout.phase == Phase.FAILED
    assert "smoke test “front” answered 500 instead of 200" in rollout.why
    assert (track(live), version_served(live)) == ("stable", "1")
    actions.rollback(live.operator, rollout)
    live.wait(rollout, Phase.ROLLED_BACK)
    assert (deployments(live), track(live), version_served(live)) == ({"web"}, "", "1")
    assert names_of(live, "Service") == {"web"}
    assert names_of(live, "ConfigMap") - {"kube-root-ca.crt"} == {"settings"}


def test_a_rollback_of_a_success_brings_the_old_colour_up_before_it_serves(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    second = succeeded(live, release(live, "1.1.0", "2"))
    actions.rollback(live.operator, second)
    live.wait(second, Phase.ROLLED_BACK)
    assert (deployments(live), track(live), version_served(live)) == ({"web"}, "", "1")


def test_a_version_that_crashes_in_the_soak_gives_the_requests_back_at_once(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    succeeded(live, release(live, "1.1.0", "2"))
    live.push("shop/web", "late", crash=True, crash_after_seconds=16)
    rollout = live.ask(
        "1.2.0", files("3"), {"shop/web": "shop/web:late"}, strategy="blue-green",
        parameters={**QUICK, "soakSeconds": 60},
    )  # fmt: skip
    live.wait(rollout, Phase.ROLLED_BACK)
    assert "so that no more of it is served" in rollout.why
    assert (deployments(live), track(live), version_served(live)) == ({"web-green"}, "green", "2")


def test_an_ingress_is_led_from_one_service_to_the_other(live: Portal) -> None:
    def backend() -> str:
        found = live.get("Ingress", "web", "networking.k8s.io/v1")
        assert found
        return str(found["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"])

    more = {"ingress": ingress(), "router": "nginx"}
    succeeded(live, release(live, "1.0.0", "1", **more))
    second = succeeded(live, release(live, "1.1.0", "2", **more))
    assert (backend(), track(live), names_of(live, "Service")) == ("web-green", "green", {"web", "web-green"})
    actions.rollback(live.operator, second)
    live.wait(second, Phase.ROLLED_BACK)
    assert (backend(), track(live), names_of(live, "Service")) == ("web", "", {"web"})


def test_a_rolling_update_after_blue_green_and_its_rollback(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    succeeded(live, release(live, "1.1.0", "2"))
    rolled = succeeded(live, release(live, "1.2.0", "3", strategy="rolling"))
    assert (deployments(live), track(live), version_served(live)) == ({"web"}, "", "3")
    actions.rollback(live.operator, rolled)
    live.wait(rolled, Phase.ROLLED_BACK)
    assert (deployments(live), track(live), version_served(live)) == ({"web-green"}, "green", "2")


def test_an_undo_brings_a_colour_back_in_the_idle_one(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    second = succeeded(live, release(live, "1.1.0", "2"))
    succeeded(live, release(live, "1.2.0", "3"))
    undone = actions.undo(live.operator, live.application, live.environment, second, reason="as before")
    succeeded(live, undone)
    assert (deployments(live), track(live), version_served(live)) == ({"web-green"}, "green", "2")
    assert any("Switch requests to web-green" in label for label, _ in labels(undone))


def scaler(least: int = 2) -> str:
    return f"""\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: {least}
  maxReplicas: 6
  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 80}}}}}}]
"""


def test_each_colour_has_its_autoscaler_and_is_as_large_as_the_other_was(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1", scaler=scaler()))
    live.gateway.merge_patch(
        Ref("autoscaling/v2", "HorizontalPodAutoscaler", live.namespace, "web"), {"spec": {"minReplicas": 4}}
    )
    live.wait_for(lambda: (live.get("Deployment", "web") or {})["status"].get("availableReplicas") == 4)
    rollout = succeeded(live, release(live, "1.1.0", "2", scaler=scaler()))
    deployed = Step.objects.get(rollout=rollout, label="Deploy web-green beside web")
    assert "4 of 4 pods updated" in deployed.why
    assert names_of(live, "HorizontalPodAutoscaler", "autoscaling/v2") == {"web-green"}
    actions.rollback(live.operator, rollout)
    live.wait(rollout, Phase.ROLLED_BACK)
    assert names_of(live, "HorizontalPodAutoscaler", "autoscaling/v2") == {"web"}


def test_a_quota_without_room_for_both_colours_is_told_at_planning(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    quota = {"metadata": {"name": "few", "namespace": live.namespace}, "spec": {"hard": {"pods": "3"}}}
    live.gateway.create({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    live.wait_for(lambda: (live.get("ResourceQuota", "few", "v1") or {}).get("status", {}).get("used"))
    rollout = live.wait(release(live, "1.1.0", "2"))
    assert rollout.phase == Phase.FAILED
    assert "web-green needs 2 of pods, 1 of 3 are left in quota few" in rollout.why


def test_nodes_without_room_for_both_colours_are_told_at_planning(live: Portal) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    large = deployment("web", "shop/web").replace(
        "        ports:", "        resources: {requests: {cpu: 900}}\n        ports:"
    )
    rollout = live.wait(release(live, "1.1.0", "2", web=large))
    assert rollout.phase == Phase.FAILED
    assert "web-green needs 1800 CPU" in rollout.why
