"""Routes of the four routers."""

from environments.kube.objects import Ref
from environments.kube.traffic import Route

ROUTERS = ("istio", "gateway", "nginx", "service")


def route(router: str, workload: str = "web", *, service: str = "web-http", object_name: str = "front") -> Route:
    """The route of a workload in the namespace shop; the canary is named as Slipway names it."""
    by = Ref("networking.k8s.io/v1", "Ingress", "shop", object_name)
    return Route(router, "shop", workload, service, by, stable=service, canary=f"{workload}-canary")
