"""Applications whose requests can be moved, one for each router, and clients that never stop asking them."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from string import Template
from typing import Any, NamedTuple

import urllib3

from benchmarks import machine, prometheus
from benchmarks.cluster import RealCluster
from benchmarks.harness import Stage, stage
from benchmarks.traffic import Client
from demo import images

IMAGE = "registry.example/web"
WEB = Template("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: $replicas
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: web
          image: registry.example/web
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
""")
ROUTES = {
    "istio": Template("""---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [$host]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
"""),
    "nginx": Template("""---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: nginx
  rules:
    - host: $host
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""),
    "gateway": Template("""---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: edge, namespace: default}]
  hostnames: [$host]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""),
    "service": Template(""),
}
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  gatewayClassName: edge
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
"""
FIRST = "1.0.0"
ANY_MANIFEST = {"Accept": images.MANIFEST}


@dataclass(frozen=True)
class Edge:
    """Where requests come in, where they are counted, and where the Prometheus that scrapes it is to listen."""

    entry: str
    metrics: str
    prometheus: str

    @classmethod
    def from_environment(cls) -> "Edge":
        """SLIPWAY_TEST_ENTRY and SLIPWAY_TEST_METRICS; SLIPWAY_TEST_FLAGGER_PROMETHEUS is where Flagger asks."""
        entry, metrics = (os.environ.get(f"SLIPWAY_TEST_{name}", "") for name in ("ENTRY", "METRICS"))
        if not entry or not metrics:
            raise SystemExit(
                "This measures requests through a cluster's edge: set SLIPWAY_TEST_ENTRY to its URL and "
                "SLIPWAY_TEST_METRICS to the URL of its metrics, or run benchmarks/all."
            )
        return cls(entry, metrics, os.environ.get("SLIPWAY_TEST_FLAGGER_PROMETHEUS", ""))


class Version(NamedTuple):
    """Of the image; its pods tell the digest with every answer."""

    tag: str
    digest: str


@dataclass
class Routed:
    """An application and the client that asks it. `version`: what it was brought to; `number`: of its newest one."""

    name: str
    router: str
    host: str
    application: Any
    client: Client
    version: Version | None = None
    number: int = 0


@dataclass
class Site:
    """The cluster, a portal, and an environment whose Prometheus is a real one."""

    cluster: RealCluster
    edge: Edge
    portal: Stage
    environment: Any
    mark: str

    def make(self, name: str, router: str, rate: float, replicas: int) -> Routed:
        """An application that runs nowhere yet."""
        from benchmarks import portal

        name = f"{name}-{self.mark}"
        namespace = self.environment.namespace_for(name)
        host = f"web.{namespace}" if router == "service" else f"{name}.example.test"
        text = WEB.substitute(replicas=replicas) + ROUTES[router].substitute(host=host)
        application = portal.application(name, text.encode(), "web.yaml")
        return Routed(name, router, host, application, Client(self.edge.entry, host, rate))

    def lay(
        self, services: Sequence[Routed], strategy: str = "rolling", parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Brings each to its first version, and lets its client ask from then on."""
        first = self.push(FIRST)
        asked = [self.ask(each, first, strategy, parameters) for each in services]
        for each, rollout in zip(services, asked, strict=True):
            self.follow(rollout)
            each.client.start()
            each.client.wait_for(first.digest)
            each.version = first

    def push(self, tag: str, **behaviour: Any) -> Version:
        """An image that behaves so."""
        pool = urllib3.PoolManager(timeout=images.TIMEOUT, retries=False)
        images.push(pool, self.cluster.registry, "web", tag, {"startup_seconds": 0.5, **behaviour})
        found = pool.request("HEAD", f"http://{self.cluster.registry}/v2/web/manifests/{tag}", headers=ANY_MANIFEST)
        return Version(tag, found.headers["Docker-Content-Digest"])

    def next_version(self, routed: Routed, **behaviour: Any) -> Version:
        """A version that nobody has seen yet, pushed."""
        routed.number += 1
        return self.push(f"1.{routed.number}.0-{routed.name}", **behaviour)

    def ask(self, routed: Routed, version: Version, strategy: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The rollout of that version, requested."""
        from benchmarks import portal
        from releases import actions

        image = f"{self.cluster.registry}/web:{version.tag}"
        release = portal.release(routed.application, version.tag, {IMAGE: image})
        return actions.request(
            portal.actor(),
            release,
            self.environment,
            strategy=strategy,
            parameters=parameters,
            strategy_reason="It is what is measured.",
        )

    def follow(self, rollout: Any, *phases: str) -> None:
        """Until it is in one of the phases, by default succeeded; RuntimeError where it ends in another."""
        from benchmarks import portal

        portal.follow(rollout, set(phases or ("succeeded",)), self.portal.processes.check)


@contextmanager
def site() -> Iterator[tuple[Site, dict[str, str]]]:
    """A site, and what it runs on; the namespaces of its applications are gone afterwards."""
    from_environment, edge = RealCluster.from_environment(), Edge.from_environment()
    described = machine.described(**from_environment.versions(), Prometheus=prometheus.version())
    with stage(from_environment.registry, from_environment.kubeconfig) as running:
        url = prometheus.scraping(running, edge.metrics, edge.prometheus)
        yield _laid(from_environment, edge, running, url), described


def _laid(cluster: RealCluster, edge: Edge, running: Stage, url: str) -> Site:
    from benchmarks import portal

    environment = portal.environment(portal.cluster(cluster.access), "traffic", prometheus=url, progress_seconds=120)
    shared = running.folder / "gateway.yaml"
    shared.write_text(GATEWAY)
    cluster.run("apply", f"--filename={shared}")
    running.orchestrate()
    return Site(cluster, edge, running, environment, time.strftime("%H%M%S"))


@contextmanager
def asked(place: Site, routers: Sequence[str], rate: float, replicas: int = 3) -> Iterator[list[Routed]]:
    """One application for each router, asked all the while; all of it is gone afterwards."""
    made = [place.make(f"{router}-{number}", router, rate, replicas) for number, router in enumerate(routers)]
    try:
        place.lay(made)
        yield made
    finally:
        for each in made:
            each.client.stop()
        place.cluster.forget([place.environment.namespace_for(each.name) for each in made])
