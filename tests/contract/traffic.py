"""Two versions behind every kind of router, and a caller who counts which of them answers."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import urllib3

from tests.contract.namespace import ContractNamespace
from tests.contract.objects import IMAGE, Manifest

BEHAVIOUR = "test.slipway/behaviour"
NGINX = "nginx.ingress.kubernetes.io/"
COOKIE = r"^(.*; ?)?canary=always(;.*)?$"


class Caller:
    """Asks the edge as somebody outside does. Answers are told as the version, else as the status."""

    def __init__(self, entry: str) -> None:
        self._pool = urllib3.PoolManager(timeout=10, retries=False)
        self._entry = entry

    def ask(self, host: str, path: str = "/", **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._pool.request("GET", self._entry + path, headers={"Host": host, **named})
        return json.loads(answer.data)["version"] if answer.status == 200 else str(answer.status)

    def shares(self, host: str, count: int = 100, path: str = "/", **headers: str) -> dict[str, int]:
        return dict(Counter(self.ask(host, path, **headers) for _ in range(count)))


def workload(version: str, replicas: int = 1, **behaviour: Any) -> Manifest:
    """A Deployment "web-VERSION" whose pods carry app: web and their version."""
    labels = {"app": "web", "version": version}
    container = {"name": "web", "image": IMAGE, "ports": [{"containerPort": 80}]}
    metadata = {"labels": labels, "annotations": {BEHAVIOUR: json.dumps(behaviour)}}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": metadata, "spec": {"containers": [container]}},
    }
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"web-{version}"}}
    return {**head, "spec": {"replicas": replicas, **spec}}


def service(name: str, **selector: str) -> Manifest:
    spec = {"selector": {"app": "web", **selector}, "ports": [{"name": "http", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def lay(ns: ContractNamespace, caller: Caller, stable: int = 1, canary: int = 1, **behaviour: Any) -> None:
    """Both versions with their Services, ready to answer; `behaviour` is the canary's."""
    ns.apply(workload("stable", stable))
    ns.apply(workload("canary", canary, **behaviour))
    for manifest in (service("web"), service("web-stable", version="stable"), service("web-canary", version="canary")):
        ns.apply(manifest)
    everyone = stable + canary
    ns.until(lambda: len(ready(ns, "web")) == everyone)
    for name in ("web-stable", "web-canary"):
        ns.until(lambda name=name: caller.ask(f"{name}.{ns.name}") not in ("404", "503"))


def apply(ns: ContractNamespace, *manifests: Manifest) -> None:
    for manifest in manifests:
        ns.apply(manifest, force=True)


def settle(ns: ContractNamespace, caller: Caller, wanted: dict[str, int], **headers: str) -> None:
    """Waits until ten requests in a row are shared like this."""
    ns.until(lambda: caller.shares(host_of(ns), 10, **headers) == wanted)


def ready(ns: ContractNamespace, name: str) -> list[str]:
    """The pods that a Service's slices call ready."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{ns.name}/endpointslices"
    answer = ns.gateway.raw("GET", path, query=[("labelSelector", f"kubernetes.io/service-name={name}")])
    found = [one for item in answer.json()["items"] for one in item.get("endpoints") or ()]
    return [one["targetRef"]["name"] for one in found if one["conditions"]["ready"]]


def host_of(ns: ContractNamespace) -> str:
    return f"{ns.name}.example.test"


# -- routers: the objects that send `weight` % to the canary, and testers to it anyway ---------------------------------


def istio(host: str, weight: int) -> list[Manifest]:
    subsets = [{"name": name, "labels": {"version": name}} for name in ("stable", "canary")]
    rule = {"host": "web", "subsets": subsets}
    matches = [{"headers": {"x-canary": {"exact": "always"}}}, {"headers": {"cookie": {"regex": COOKIE}}}]
    routes = [_subset("stable", 100 - weight), _subset("canary", weight)]
    http = [{"match": matches, "route": [_subset("canary")]}, {"route": routes}]
    return [
        _istio("DestinationRule", rule),
        _istio("VirtualService", {"hosts": [host], "http": http}),
    ]


def _istio(kind: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def _subset(name: str, weight: int | None = None) -> Manifest:
    return {"destination": {"host": "web", "subset": name}, **({} if weight is None else {"weight": weight})}


def gateway(host: str, weight: int) -> list[Manifest]:
    parent = {"gatewayClassName": "edge", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    return [_gateway("Gateway", "edge", parent), http_route(host, weight)]


def http_route(host: str, weight: int, parent: str = "edge") -> Manifest:
    testers = [
        {"headers": [{"name": "x-canary", "value": "always"}]},
        {"headers": [{"name": "cookie", "value": COOKIE, "type": "RegularExpression"}]},
    ]
    shared = [_backend("web-stable", 100 - weight), _backend("web-canary", weight)]
    rules = [{"backendRefs": shared}, {"matches": testers, "backendRefs": [_backend("web-canary", 1)]}]
    return _gateway("HTTPRoute", "web", {"parentRefs": [{"name": parent}], "hostnames": [host], "rules": rules})


def _gateway(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _backend(name: str, weight: int) -> Manifest:
    return {"name": name, "port": 80, "weight": weight}


def nginx(host: str, weight: int) -> list[Manifest]:
    said = {
        "canary": "true",
        "canary-weight": str(weight),
        "canary-by-header": "x-canary",
        "canary-by-cookie": "canary",
    }
    annotations = {NGINX + name: value for name, value in said.items()}
    return [ingress("web", host, "web-stable"), ingress("web-canary", host, "web-canary", annotations=annotations)]


def ingress(
    name: str, host: str, to: str, path: str = "/", annotations: dict[str, str] | None = None, exact: bool = False
) -> Manifest:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    paths = [{"path": path, "pathType": "Exact" if exact else "Prefix", "backend": backend}]
    spec = {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": paths}}]}
    metadata = {"name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


Router = Callable[[str, int], list[Manifest]]
ROUTERS: dict[str, Router] = {"istio": istio, "gateway": gateway, "nginx": nginx}
