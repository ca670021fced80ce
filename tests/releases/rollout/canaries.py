"""The documents' agent-service with requests of its own, for canaries that really run, and what is measured of them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from releases.models import Measurement, Rollout, Step
from sandbox import Sandbox
from tests.environments.kube.traffic import documents
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Portal
from tests.sandbox.metrics.real import scraping

IMAGE = "ai/agent-service"
RATE = 60
QUICK: Mapping[str, Any] = {
    "weights": [20, 50, 100],
    "interval": 4,
    "count": 2,
    "fatalGraceSeconds": 1,
    "metrics": [
        {"template": "success-rate", "minimum_requests": 5},
        {"template": "latency", "minimum_requests": 5},
    ],
}


@contextmanager
def prometheus_of(sandbox: Sandbox | None, folder: Path) -> Iterator[str]:
    """The address of a Prometheus that knows what the edge measures: the sandbox's, or a real one."""
    if sandbox is not None:
        yield sandbox.prometheus
        return
    with scraping(urlsplit(os.environ["SLIPWAY_TEST_METRICS"]).netloc, folder) as api:
        yield api.url


def istio(rate: int = RATE) -> str:
    """11.5.2, with requests."""
    return _with_requests(documents.ISTIO, rate)


def nginx(rate: int = RATE) -> str:
    """11.6.2, with requests to the agents."""
    path = '    test.slipway/path: "/api/agents"'
    requests = f'  annotations:\n    test.slipway/rps: "{rate}"\n{path}\n'
    return documents.INGRESS.replace("  annotations:\n", requests).replace("  namespace: ai-workflow-prod\n", "")


def gateway(rate: int = RATE) -> str:
    """An HTTPRoute, with requests."""
    return documents.HTTP_ROUTE.replace(
        "  name: agent-service\n", _named(rate, '    test.slipway/path: "/api/agents"'), 1
    )


def service_alone(rate: int = RATE) -> str:
    """The Service alone, with requests."""
    wanted = f'metadata: {{name: agent-service, annotations: {{test.slipway/rps: "{rate}"}}}}'
    return documents.SERVICE.replace("metadata: {name: agent-service}", wanted)


def public_gateway(namespace: str) -> dict[str, Any]:
    """What an administrator has put there."""
    spec = {"gatewayClassName": "edge", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    metadata = {"name": "public", "namespace": namespace}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec}


def _with_requests(text: str, rate: int) -> str:
    return text.replace("  name: agent-service\n", _named(rate), 1)


def _named(rate: int, more: str = "") -> str:
    return f'  name: agent-service\n  annotations:\n    test.slipway/rps: "{rate}"\n' + (f"{more}\n" if more else "")


def files(
    colour: str = "blue", routes: str | None = None, service: str = documents.SERVICE, replicas: int = 3, **more: str
) -> dict[str, str]:
    """The bundle: agent-service, what it reads, its Service and how requests come to it; `routes` "" for no more."""
    routes = istio() if routes is None else routes
    return {
        "base/config.yaml": config(COLOUR=colour),
        "base/agent.yaml": deployment("agent-service", IMAGE, replicas=replicas),
        "base/service.yaml": service,
        **({"base/routes.yaml": routes} if routes else {}),
        **{f"base/{name}.yaml": text for name, text in more.items()},
    }


def release(live: Portal, version: str, strategy: str = "canary", *, bundle: Mapping[str, str], **more: Any) -> Rollout:
    """A release of the image of that version; by a canary unless something else is said."""
    parameters = {**QUICK, **more} if strategy == "canary" else {}
    return live.ask(version, bundle, {IMAGE: f"{IMAGE}:{version}"}, strategy=strategy, parameters=parameters)


def told(rollout: Rollout) -> list[str]:
    """The steps as a person reads them."""
    rows = Step.objects.filter(rollout=rollout).order_by("-track", "index")
    return [f"{row.track} {row.label}: {row.state} {row.why}" for row in rows]


def verdicts(rollout: Rollout) -> dict[str, int]:
    rows = Measurement.objects.filter(rollout=rollout).values_list("verdict", flat=True)
    return {verdict: list(rows).count(verdict) for verdict in set(rows)}
