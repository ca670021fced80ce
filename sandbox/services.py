"""Addresses and node ports of Services."""

import itertools
from typing import Any

from sandbox.store import Object, Store

_PLACEHOLDER = "10.96.0.0"


class ClusterAddresses:
    """Gives new Services an address of 10.96.0.0/16 and node ports from 30000 on. Call under the store's lock."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._next = itertools.cycle(range(10, 65_000))
        self._ports = itertools.cycle(range(30_000, 32_767))

    def assign(self, new: Object, old: Object | None, *, dry_run: bool) -> None:
        """Fills clusterIP, clusterIPs and nodePorts of `new` in place where it is a Service."""
        if new["kind"] != "Service" or new["apiVersion"] != "v1" or new["spec"].get("type") == "ExternalName":
            return
        spec = new["spec"]
        if old is not None and not spec.get("clusterIP"):
            spec |= {name: old["spec"][name] for name in ("clusterIP", "clusterIPs") if name in old["spec"]}
        if not spec.get("clusterIP"):
            spec["clusterIP"] = _PLACEHOLDER if dry_run else self._free_address()
        spec["clusterIPs"] = [spec["clusterIP"]]
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            self._assign_ports(spec, (old or {}).get("spec", {}))

    def _assign_ports(self, spec: Object, old: Object) -> None:
        before = {(port["port"], port.get("protocol")): port.get("nodePort") for port in old.get("ports") or ()}
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = before.get((port["port"], port.get("protocol"))) or self._free_port()

    def _services(self) -> list[dict[str, Any]]:
        return [service["spec"] for service in self.store.list("", "Service")]

    def _free_address(self) -> str:
        taken = {spec.get("clusterIP") for spec in self._services()}
        candidates = (f"10.96.{number >> 8}.{number & 255}" for number in self._next)
        return next(address for address in candidates if address not in taken)

    def _free_port(self) -> int:
        taken = {port.get("nodePort") for spec in self._services() for port in spec.get("ports") or ()}
        return next(port for port in self._ports if port not in taken)
