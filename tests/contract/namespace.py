"""A namespace with the people and tools that write in it besides us."""

import base64
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from environments.kube.api.client import ApiAnswer, Applied, Gateway
from environments.kube.api.errors import KubeError
from environments.kube.objects import Ref, ref_of
from tests.contract.objects import Manifest

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PATIENCE = 30.0


class ContractNamespace:
    """A namespace. Manifests that are given to its methods get its name."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self.gateway = gateway
        self.name = name
        self._cleanup: list[Ref] = []

    def open(self) -> None:
        self.gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
        self.until(lambda: self.live(self.ref("ServiceAccount", "default", "v1")))

    def close(self) -> None:
        for ref in [*self._cleanup, Ref("v1", "Namespace", "", self.name)]:
            with suppress(KubeError):
                self.gateway.delete(ref)
        self.gateway.close()

    def afterwards_delete(self, ref: Ref) -> None:
        """For what is not in the namespace."""
        self._cleanup.append(ref)

    def here(self, manifest: Manifest) -> Manifest:
        return {**manifest, "metadata": {**manifest["metadata"], "namespace": self.name}}

    def ref(self, kind: str = "Deployment", name: str = "web", api_version: str = "apps/v1") -> Ref:
        return Ref(api_version, kind, self.name, name)

    def live(self, ref: Ref | None = None) -> Manifest | None:
        return self.gateway.get(ref or self.ref())

    def found(self, ref: Ref | None = None) -> Manifest:
        live = self.live(ref)
        assert live is not None
        return live

    def apply(self, manifest: Manifest, manager: str = "slipway", *, force: bool = False, **more: Any) -> Applied:
        return self.gateway.apply(self.here(manifest), manager=manager, force=force, **more)

    def patch(self, ref: Ref, body: Any, manager: str, *, form: str = STRATEGIC, subresource: str = "") -> ApiAnswer:
        """What a person's tool does: any patch under its own name."""
        path = self.gateway.path(ref) + (f"/{subresource}" if subresource else "")
        return self.gateway.raw("PATCH", path, query=[("fieldManager", manager)], body=body, content_type=form)

    def done(self, answer: ApiAnswer) -> Manifest:
        assert answer.status in (200, 201), answer.body
        return answer.json()

    def scale(self, replicas: int) -> None:
        """kubectl scale"""
        self.done(self.patch(self.ref(), {"spec": {"replicas": replicas}}, "kubectl", form=MERGE, subresource="scale"))

    def set_in_container(self, **fields: Any) -> None:
        """kubectl set image, set env, set resources"""
        self.done(self.patch(self.ref(), in_container(fields), "kubectl-set"))

    def replicas(self) -> int:
        return self.found()["spec"]["replicas"]

    def until(self, holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """The first true value of `holds`."""
        end = time.monotonic() + seconds
        while not (value := holds()):
            assert time.monotonic() < end, "it did not come in time"
            time.sleep(0.05)
        return value


def in_container(fields: Manifest) -> Manifest:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", **fields}]}}}}


def container_of(live: Manifest) -> Manifest:
    return live["spec"]["template"]["spec"]["containers"][0]


def without_counters(live: Manifest) -> Manifest:
    """What of an object is somebody's wish."""
    volatile = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
    metadata = {name: value for name, value in live["metadata"].items() if name not in volatile}
    annotations = {
        name: value
        for name, value in metadata.pop("annotations", {}).items()
        if not name.startswith("deployment.kubernetes.io/")
    }
    return {**live, "metadata": metadata, "annotations": annotations, "status": None}


def written(live: Manifest) -> Manifest:
    """What changes when one of us or a person writes, and not when a controller tells of a status."""
    fields = [each for each in live["metadata"].get("managedFields", []) if each["manager"].startswith("slipway")]
    return {**without_counters(live), "ours": fields}


def managers(live: Manifest) -> dict[str, str]:
    """The managers of an object by name, with their operation."""
    return {entry["manager"]: entry["operation"] for entry in live["metadata"].get("managedFields", [])}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


__all__ = [
    "APPLY",
    "JSON_PATCH",
    "MERGE",
    "STRATEGIC",
    "ContractNamespace",
    "container_of",
    "encoded",
    "managers",
    "ref_of",
    "written",
]
