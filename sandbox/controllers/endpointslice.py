"""EndpointSlices: the addresses behind every Service that has a selector."""

from collections.abc import Iterable
from typing import Any

from sandbox.controllers.base import Controller
from sandbox.meta import (
    NamespacedName,
    Object,
    changed,
    deleting,
    is_over,
    is_ready,
    key_of,
    kind_of,
    labels_of,
    owner_reference,
    suffix,
    uid_of,
)

_SLICE = "discovery.k8s.io/EndpointSlice"
_NAME = "kubernetes.io/service-name"
_MANAGED = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
_TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
_BATCH = 0.02


class EndpointSliceController(Controller):
    kind = "Service"
    owns = (_SLICE,)

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        """Changes come together a little late, as one write."""
        for key in self.concerned(event, obj, old):
            self.cluster.loop.after(_BATCH, self.sync, key)

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        if kind_of(obj) != "Pod":
            yield from super().concerned(event, obj, old)
            return
        if old is not None and event != "DELETED" and _aspect(old) == _aspect(obj):
            return
        seen = {uid_of(obj): labels_of(obj), **({uid_of(old): labels_of(old)} if old is not None else {})}
        namespace = obj["metadata"]["namespace"]
        for labels in (*seen.values(), *([labels_of(old)] if old is not None else [])):
            for service in self.view.services_for(namespace, labels):
                yield key_of(service)

    def sync(self, key: NamespacedName) -> float | None:
        service = self.view.get("Service", key)
        if service is None or deleting(service) or not service["spec"].get("selector"):
            return None
        wanted = self._content(service)
        known = self.view.owned(_SLICE, uid_of(service))
        if not known:
            self.cluster.hands.create(self._slice(service, wanted))
        elif _content_of(known[0]) != wanted:
            fresh = changed(known[0], **wanted)
            for gone in ("endpoints", "ports"):
                if gone not in wanted:
                    fresh.pop(gone, None)
            self.cluster.hands.update(fresh)
        return None

    def _pods(self, service: Object) -> list[Object]:
        selector, namespace = service["spec"]["selector"], service["metadata"]["namespace"]
        found = self.view.pods_with(namespace, selector)
        fitting = (pod for pod in found if (pod.get("status") or {}).get("podIP") and not is_over(pod))
        return sorted(fitting, key=lambda pod: pod["metadata"]["name"])

    def _content(self, service: Object) -> dict[str, Any]:
        pods = self._pods(service)
        content: dict[str, Any] = {}
        endpoints = [self._endpoint(service, pod) for pod in pods]
        if endpoints:
            content["endpoints"] = endpoints
        ports = [_port(item, pods[0] if pods else None) for item in service["spec"].get("ports") or ()]
        known = [item for item in ports if item is not None]
        if known:
            content["ports"] = known
        return content

    def _endpoint(self, service: Object, pod: Object) -> dict[str, Any]:
        ready, ending = is_ready(pod), deleting(pod)
        anyway = bool(service["spec"].get("publishNotReadyAddresses"))
        node = self.view.get("Node", NamespacedName("", pod["spec"].get("nodeName", "")))
        zone = labels_of(node).get("topology.kubernetes.io/zone") if node else None
        target = {name: pod["metadata"][name] for name in ("namespace", "name", "uid")}
        return {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": anyway or (ready and not ending), "serving": ready, "terminating": ending},
            "targetRef": {"kind": "Pod", **target},
            "nodeName": pod["spec"].get("nodeName", ""),
            **({"zone": zone} if zone else {}),
        }

    def _slice(self, service: Object, content: dict[str, Any]) -> Object:
        prefix = f"{service['metadata']['name']}-"
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": prefix + suffix(),
                "generateName": prefix,
                "namespace": service["metadata"]["namespace"],
                "labels": {**_MANAGED, _NAME: service["metadata"]["name"], **labels_of(service)},
                "annotations": {_TRIGGER: self.cluster.clock.moment().stamp},
                "ownerReferences": [owner_reference(service)],
            },
            "addressType": "IPv4",
            **content,
        }


def _aspect(pod: Object) -> tuple[Any, ...]:
    """What of a pod a slice shows."""
    status = pod.get("status") or {}
    return (labels_of(pod), status.get("podIP"), is_ready(pod), is_over(pod), deleting(pod))


def _content_of(found: Object) -> dict[str, Any]:
    return {name: found[name] for name in ("endpoints", "ports") if found.get(name)}


def _port(port: dict[str, Any], pod: Object | None) -> dict[str, Any] | None:
    """A port of the service as its pods have it; None where no container has a port of that name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, str) and not target.isdigit():
        containers = pod["spec"]["containers"] if pod else ()
        named = (item for container in containers for item in container.get("ports") or ())
        target = next((item["containerPort"] for item in named if item.get("name") == target), None)
        if target is None:
            return None
    fresh = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": int(target)}
    return {**fresh, **({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})}
