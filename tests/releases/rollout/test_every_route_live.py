"""A canary with several routes to one workload: each gets its share, and in the end each is as the bundle has it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
import yaml

from environments.kube.objects import Manifest
from releases import actions
from releases.models import Rollout
from releases.states import Phase
from tests.releases.rollout.canaries import IMAGE, public_gateway, told
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = [pytest.mark.django_db(transaction=True)]
REAL = [pytest.mark.lane(name) for name in ("kubeconfig", "registry", "entry")]

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
VIRTUAL = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME}
spec:
  hosts: [NAME.SPACE.test]
  http:
    - {match: [{uri: {prefix: /api}}], route: [{destination: {host: web, port: {number: 80}}}]}
    - {route: [{destination: {host: web, port: {number: 80}}}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec:
  ingressClassName: nginx
  rules:
    - host: NAME.SPACE.test
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""
HTTP_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: NAME}
spec:
  parentRefs: [{name: public}]
  hostnames: [NAME.SPACE.test]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec:
  host: web
  subsets:
    - {name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}}
    - {name: v2, labels: {version: v2}}
"""
TO_V1 = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME}
spec:
  hosts: [NAME.SPACE.test]
  http: [{route: [{destination: {host: web, subset: v1}}]}]
"""
KINDS = (
    ("networking.istio.io/v1", "VirtualService"),
    ("networking.istio.io/v1", "DestinationRule"),
    ("networking.k8s.io/v1", "Ingress"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("v1", "Service"),
)


def workload(name: str, replicas: int, **labels: str) -> str:
    pods = {"app": "web", **labels}
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {pods}}}
  template:
    metadata: {{labels: {pods}}}
    spec:
      containers:
        - name: web
          image: {IMAGE}
          ports: [{{containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /ready, port: 8080}}, periodSeconds: 1}}
"""


WEB = [workload("web", 2), SERVICE]
WORLDS: dict[str, tuple[list[str], list[str]]] = {
    "two VirtualServices": (
        [*WEB, VIRTUAL.replace("NAME", "inner"), VIRTUAL.replace("NAME", "outer")],
        ["inner", "outer"],
    ),
    "two Ingresses": ([*WEB, INGRESS.replace("NAME", "admin"), INGRESS.replace("NAME", "public")], ["admin", "public"]),
    "one of each": (
        [*WEB, VIRTUAL.replace("NAME", "mesh"), INGRESS.replace("NAME", "ing"), HTTP_ROUTE.replace("NAME", "gw")],
        ["mesh", "ing", "gw"],
    ),
    "a subset of its own": (
        [
            workload("web-v1", 2, version="v1"),
            workload("web-v2", 1, version="v2"),
            SERVICE,
            RULE,
            TO_V1.replace("NAME", "v1"),
        ],
        ["v1"],
    ),
}


@pytest.fixture(params=["sandbox", pytest.param("real", marks=REAL)])
def cluster_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live(place: Place, transactional_db: None) -> Iterator[Portal]:
    with portal(place) as running:
        running.push(IMAGE, "1.0.0")
        running.push(IMAGE, "1.1.0")
        running.gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": running.namespace}})
        running.gateway.create(public_gateway(running.namespace))
        yield running


def release(live: Portal, version: str, documents: list[str], strategy: str, **parameters: Any) -> Rollout:
    text = "---".join(documents).replace("SPACE", live.namespace)
    images = {IMAGE: f"{IMAGE}:{version}"}
    return live.ask(version, {"base/all.yaml": text}, images, strategy=strategy, parameters=parameters)


def at_first_weight(live: Portal, documents: list[str], **more: Any) -> Rollout:
    """1.1.0 beside 1.0.0, at its first weight, waiting for a person."""
    first = live.wait(release(live, "1.0.0", documents, "rolling"))
    assert first.phase == Phase.SUCCEEDED, told(first)
    wanted = {"weights": [20], "pauseAt": [20], "interval": 0.2, "metrics": [], **more}
    rollout = release(live, "1.1.0", documents, "canary", **wanted)
    return live.wait(rollout, Phase.PAUSED, Phase.FAILED, Phase.ROLLED_BACK)


def shares(entry: str, host: str, path: str = "/", **headers: str) -> Counter[str]:
    """Whose pods answer twenty requests: the canary's, or which workload's."""
    answers = (urllib3.request("GET", f"{entry}{path}", headers={"Host": host, **headers}) for _ in range(20))
    return Counter(answer.json()["pod"].rsplit("-", 2)[0] for answer in answers)


def specs(live: Portal) -> dict[str, Manifest]:
    """What the routes of the bundle say now, by kind and name."""
    found = [each for kind in KINDS for each in live.gateway.list(*kind, live.namespace)]
    return {f"{each['kind']} {each['metadata']['name']}": each["spec"] for each in found}


def plain(live: Portal, documents: list[str]) -> dict[str, Manifest]:
    """What a plain apply of the bundle's routes gives, by kind and name."""
    manifests = [yaml.safe_load(text.replace("SPACE", live.namespace)) for text in documents]
    routes = [each for each in manifests if (each["apiVersion"], each["kind"]) in KINDS]
    here = [{**each, "metadata": {**each["metadata"], "namespace": live.namespace}} for each in routes]
    found = [live.gateway.apply(each, manager="kubectl", force=True, dry_run=True).object for each in here]
    return {f"{each['kind']} {each['metadata']['name']}": each["spec"] for each in found}


def wait_for_shares(live: Portal, entry: str, hosts: list[str], wanted: dict[str, int], **headers: str) -> None:
    for name in hosts:
        host = f"{name}.{live.namespace}.test"
        live.wait_for(lambda host=host: shares(entry, host, **headers) == wanted, seconds=10)


def reaches_canary(live: Portal, entry: str) -> bool:
    """Whether who calls the Service past its routes meets the canary."""
    return any(each.endswith("-canary") for each in shares(entry, f"web.{live.namespace}.svc.cluster.local"))


@pytest.mark.parametrize("world", WORLDS)
def test_every_host_gets_its_share_and_in_the_end_the_routes_are_the_bundles(
    live: Portal, entry: str, world: str
) -> None:
    documents, hosts = WORLDS[world]
    rollout = at_first_weight(live, documents)
    assert rollout.phase == Phase.PAUSED, told(rollout)
    stable = "web-v1" if world == "a subset of its own" else "web"
    wait_for_shares(live, entry, hosts, {stable: 16, f"{stable}-canary": 4})
    assert not reaches_canary(live, entry)
    actions.resume(live.operator, rollout)
    assert live.wait(rollout).phase == Phase.SUCCEEDED, told(rollout)
    assert specs(live) == plain(live, documents)


def test_testers_alone_reach_it_and_after_an_abort_the_routes_are_the_bundles(live: Portal, entry: str) -> None:
    documents, hosts = WORLDS["a subset of its own"]
    rollout = at_first_weight(live, documents, testersHeader="x-early")
    assert rollout.phase == Phase.PAUSED, told(rollout)
    assert "and nobody else does. " in rollout.why
    wait_for_shares(live, entry, hosts, {"web-v1-canary": 20}, **{"x-early": "always"})
    wait_for_shares(live, entry, hosts, {"web-v1": 20})
    assert not reaches_canary(live, entry)
    actions.abort(live.operator, rollout)
    assert live.wait(rollout).phase == Phase.ABORTED, told(rollout)
    assert specs(live) == plain(live, documents)
