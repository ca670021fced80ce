"""What the edge measures, under the names and labels of Istio, ingress-nginx and plain applications."""

from typing import NamedTuple

from sandbox.edge.model import Backend, EdgeRequest, RoutingRule
from sandbox.meta import Object, controller_of, labels_of
from sandbox.metrics.registry import Metrics

_MILLISECONDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UNKNOWN = "unknown"


class RoutedRequest(NamedTuple):
    """One request that went to a backend; `pod` is None where nobody was there, `seconds` is what the answer took."""

    rule: RoutingRule
    backend: Backend
    pod: Object | None
    request: EdgeRequest
    status: int
    seconds: float


def measure(metrics: Metrics, delivery: RoutedRequest) -> None:
    """Counts a request."""
    _generic(metrics, delivery)
    if delivery.rule.kind == "Ingress":
        _nginx(metrics, delivery)
    else:
        _istio(metrics, delivery)


def workload_of(pod: Object | None) -> str:
    """The name that Istio gives the owner of a pod."""
    if pod is None:
        return _UNKNOWN
    owner = controller_of(pod)
    if owner is None:
        return str(pod["metadata"]["name"])
    return str(owner["name"]).removesuffix("-" + labels_of(pod).get("pod-template-hash", ""))


def _label(pod: Object | None, *names: str) -> str:
    labels = labels_of(pod) if pod is not None else {}
    return next((labels[name] for name in names if labels.get(name)), _UNKNOWN)


def _version(pod: Object | None) -> str:
    return _label(pod, "version", "app.kubernetes.io/version")


def _generic(metrics: Metrics, delivery: RoutedRequest) -> None:
    labels = {
        "route_kind": delivery.rule.kind,
        "route": delivery.rule.name,
        "namespace": delivery.backend.namespace,
        "service": delivery.backend.service,
        "workload": workload_of(delivery.pod),
        "version": _version(delivery.pod),
        "code": str(delivery.status),
    }
    metrics.count("http_requests_total", labels)
    metrics.observe("http_request_duration_seconds", labels, delivery.seconds, _SECONDS)


def _nginx(metrics: Metrics, delivery: RoutedRequest) -> None:
    rule = delivery.rule
    labels = {
        "controller_class": "k8s.io/ingress-nginx",
        "controller_namespace": "ingress-nginx",
        "controller_pod": "ingress-nginx-controller-0",
        "namespace": rule.namespace,
        "ingress": rule.name,
        "service": rule.backends[0].service,
        "canary": delivery.backend.canary,
        "status": str(delivery.status),
        "method": delivery.request.method,
        "host": delivery.request.host,
        "path": rule.path,
    }
    metrics.count("nginx_ingress_controller_requests", labels)
    for name in ("request", "response"):
        metrics.observe(f"nginx_ingress_controller_{name}_duration_seconds", labels, delivery.seconds, _SECONDS)


def _istio(metrics: Metrics, delivery: RoutedRequest) -> None:
    backend, pod = delivery.backend, delivery.pod
    labels = {
        "source_workload": "edge",
        "source_workload_namespace": "edge",
        "destination_workload": workload_of(pod),
        "destination_workload_namespace": backend.namespace,
        "destination_app": _label(pod, "app", "app.kubernetes.io/name"),
        "destination_version": _version(pod),
        "destination_service": f"{backend.service}.{backend.namespace}.svc.cluster.local",
        "destination_service_name": backend.service,
        "destination_service_namespace": backend.namespace,
        "request_protocol": "http",
        "response_code": str(delivery.status),
        "response_flags": "-" if pod is not None else "UH",
    }
    # Where nobody was there, nobody reports on the other end.
    for reporter in ("source", "destination") if pod is not None else ("source",):
        reported = {"reporter": reporter, **labels}
        metrics.count("istio_requests_total", reported)
        metrics.observe("istio_request_duration_milliseconds", reported, delivery.seconds * 1000, _MILLISECONDS)
