"""LoadBalancer Services and Ingresses get an address, as a cloud's controllers give them."""

import zlib
from typing import Any

from sandbox.controllers.base import Controller
from sandbox.edge.model import held
from sandbox.meta import NamespacedName, Object, changed, deleting


def address_of(obj: Object) -> str:
    """An address that stays the same for the same name."""
    number = zlib.crc32(f"{obj['kind']}/{obj['metadata']['namespace']}/{obj['metadata']['name']}".encode())
    return f"10.250.{number >> 8 & 255}.{number & 255}"


def _written(cluster_obj: Object, ingress: list[dict[str, Any]]) -> Object | None:
    """The object with this status, or None where it has it."""
    status = cluster_obj.get("status") or {}
    wanted = {"ingress": ingress} if ingress else {}
    if (status.get("loadBalancer") or {}) == wanted:
        return None
    return changed(cluster_obj, status={**status, "loadBalancer": wanted})


class LoadBalancerController(Controller):
    kind = "Service"

    def sync(self, key: NamespacedName) -> float | None:
        service = self.view.get(self.kind, key)
        if service is None or deleting(service) or held(service):
            return None
        wanted = service["spec"].get("type") == "LoadBalancer"
        fresh = _written(service, [{"ip": address_of(service), "ipMode": "VIP"}] if wanted else [])
        if fresh is not None:
            self.cluster.hands.update_status(fresh)
        return None


class IngressController(Controller):
    kind = "networking.k8s.io/Ingress"

    def sync(self, key: NamespacedName) -> float | None:
        ingress = self.view.get(self.kind, key)
        if ingress is None or deleting(ingress) or held(ingress):
            return None
        fresh = _written(ingress, [{"ip": address_of(ingress)}])
        if fresh is not None:
            self.cluster.hands.update_status(fresh)
        return None
