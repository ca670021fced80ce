"""Routing objects as the sandbox stores them, in namespace "d"."""

from typing import Any

Manifest = dict[str, Any]
NGINX = "nginx.ingress.kubernetes.io/"


def meta(name: str, **annotations: str) -> Manifest:
    return {"name": name, "namespace": "d", **({"annotations": annotations} if annotations else {})}


def virtual_service(hosts: list[str], *http: Manifest, name: str = "web") -> Manifest:
    spec = {"hosts": hosts, "http": list(http)}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta(name), "spec": spec}


def to(*shares: tuple[str, int | None], **more: Any) -> Manifest:
    """A VirtualService's route: (host or host/subset, weight)."""
    routes = []
    for name, weight in shares:
        host, _, subset = name.partition("/")
        destination = {"host": host, **({"subset": subset} if subset else {})}
        routes.append({"destination": destination, **({} if weight is None else {"weight": weight})})
    return {"route": routes, **more}


def http_route(hosts: list[str], *rules: Manifest, name: str = "web", **spec: Any) -> Manifest:
    whole = {"parentRefs": [{"name": "edge"}], "hostnames": hosts, "rules": list(rules), **spec}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": meta(name),
        "spec": {key: value for key, value in whole.items() if value},
    }


def gateway(name: str = "edge") -> Manifest:
    spec = {"gatewayClassName": "edge", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta(name), "spec": spec}


def ingress(
    host: str, service: str, path: str = "/", *, name: str = "web", exact: bool = False, **said: str
) -> Manifest:
    """`said` are nginx's annotations, with _ for -."""
    backend = {"service": {"name": service, "port": {"number": 80}}}
    paths = [{"path": path, "pathType": "Prefix", "backend": backend}]
    annotations = {NGINX + key.replace("_", "-"): value for key, value in said.items()}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta(name, **annotations),
        "spec": {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": paths}}]},
    }


def service(name: str = "web", **selector: str) -> Manifest:
    spec = {"selector": selector or {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": spec}
