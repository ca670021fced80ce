"""A simulated cluster whose clock the test turns."""

import json
from typing import Any

from sandbox.api import Api
from sandbox.client import Client
from sandbox.clock import ManualClock
from sandbox.control_plane import Simulation
from sandbox.errors import ApiError
from sandbox.nodes import DEFAULT
from sandbox.store import StoreKey

Manifest = dict[str, Any]
GROUPS = {
    "Deployment": "apps",
    "ReplicaSet": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "ControllerRevision": "apps",
    "Job": "batch",
    "HorizontalPodAutoscaler": "autoscaling",
    "PodDisruptionBudget": "policy",
    "EndpointSlice": "discovery.k8s.io",
    "Ingress": "networking.k8s.io",
}
PROBE = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1}


class World:
    """Namespace "d" of a cluster with the usual three nodes; nothing happens but in `after`."""

    def __init__(self, nodes=DEFAULT, *, guarded: bool = False) -> None:
        self.api = Api()
        self.client = Client(self.api, "test")
        self.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "d"}})
        self.clock = ManualClock()
        self.simulation = Simulation(
            self.api.store, lambda manager: Client(self.api, manager), nodes=nodes, clock=self.clock
        )
        if guarded:
            self.simulation.install(self.api)
        self.simulation.start(thread=False)

    @property
    def images(self):
        return self.simulation.images

    def create(self, manifest: Manifest) -> Manifest:
        manifest = {**manifest, "metadata": {"namespace": "d", **manifest["metadata"]}}
        return self.client.create(manifest)

    def refusal(self, manifest: Manifest) -> ApiError:
        """The error that a creation meets."""
        try:
            self.create(manifest)
        except ApiError as error:
            return error
        raise AssertionError(f"{manifest['kind']} was not refused")

    def change(self, kind: str, name: str, **spec: Any) -> None:
        """Replaces fields of a spec."""
        self.client.change(self._key(kind, name), lambda obj: obj["spec"].update(spec))

    def change_template(self, kind: str, name: str, behaviour: Manifest) -> None:
        """Another behaviour, hence another revision."""

        def edit(obj: Manifest) -> None:
            annotations = obj["spec"]["template"]["metadata"].setdefault("annotations", {})
            annotations["test.slipway/behaviour"] = json.dumps(behaviour)

        self.client.change(self._key(kind, name), edit)

    def after(self, seconds: float) -> "World":
        self.simulation.cluster.loop.advance(seconds)
        return self

    def get(self, kind: str, name: str) -> Manifest:
        found = self.find(kind, name)
        assert found is not None, f"{kind} {name} is not there"
        return found

    def find(self, kind: str, name: str) -> Manifest | None:
        return self.api.store.get(self._key(kind, name))

    def status(self, kind: str, name: str) -> Manifest:
        return self.get(kind, name).get("status") or {}

    def condition(self, kind: str, name: str, which: str) -> tuple[str, str] | None:
        """(status, reason) of a condition."""
        listed = self.status(kind, name).get("conditions") or ()
        return next(((item["status"], item.get("reason", "")) for item in listed if item["type"] == which), None)

    def all(self, kind: str) -> list[Manifest]:
        return self.api.store.list(GROUPS.get(kind, ""), kind, "d")

    def pods(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.all("Pod")]

    def delete(self, kind: str, name: str, **options: Any) -> None:
        self.client.delete(self._key(kind, name), **options)

    def events(self, reason: str) -> list[str]:
        return [event["message"] for event in self.all("Event") if event["reason"] == reason]

    def container(self, name: str) -> Manifest:
        """The status of a pod's first container."""
        return self.status("Pod", name)["containerStatuses"][0]

    def _key(self, kind: str, name: str) -> StoreKey:
        return StoreKey(GROUPS.get(kind, ""), kind, "" if kind in ("Namespace", "Node") else "d", name)


def workload(kind: str = "Deployment", behaviour: Manifest | None = None, *, probed: bool = True, **spec) -> Manifest:
    """A workload "web" of one container; `behaviour` is its pods' annotation."""
    container: Manifest = {"name": "web", "image": "nginx:1.25", "ports": [{"containerPort": 8080}]}
    if probed:
        container["readinessProbe"] = PROBE
    container |= spec.pop("container", {})
    pod = {"containers": [container], **spec.pop("pod", {})}
    annotations = {"test.slipway/behaviour": json.dumps(behaviour or {})}
    template = {"metadata": {"labels": {"app": "web"}, "annotations": annotations}, "spec": pod}
    own: Manifest = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    if kind == "StatefulSet":
        own["serviceName"] = "web"
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {**own, **spec}}


def pod(name: str = "p", behaviour: Manifest | None = None, *, container: Manifest | None = None, **spec) -> Manifest:
    """A bare pod of one container."""
    annotations = {"test.slipway/behaviour": json.dumps(behaviour or {})}
    metadata = {"name": name, "labels": {"app": "web"}, "annotations": annotations}
    one = {"name": "web", "image": "nginx:1.25", **(container or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [one], **spec}}


def job(behaviour: Manifest | None = None, **spec) -> Manifest:
    annotations = {"test.slipway/behaviour": json.dumps(behaviour or {})}
    template = {"restartPolicy": "Never", "containers": [{"name": "run", "image": "migrate:1"}]}
    own = {"template": {"metadata": {"annotations": annotations}, "spec": template}, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": own}
