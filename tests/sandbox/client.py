"""A client of an API without HTTP, controllers or nodes."""

from typing import Any

from sandbox.api import Api, Deletion, Options
from sandbox.kinds import ApiResource
from sandbox.patches import JSON, MERGE, STRATEGIC

NAMESPACE = "shop"


def deployment(
    name: str = "web", *, replicas: int | None = 3, env: dict[str, str] | None = None, **container: Any
) -> dict:
    """A manifest of one container."""
    variables = [{"name": key, "value": value} for key, value in (env or {"A": "1"}).items()]
    web = {"name": "web", "image": "shop/web:1", "env": variables, "ports": [{"containerPort": 80}], **container}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [web]}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}}}
    return {**head, "spec": spec if replicas is None else {"replicas": replicas, **spec}}


def config_map(name: str = "settings", **data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


class Client:
    """Writes into one namespace as whatever manager a call names."""

    def __init__(self) -> None:
        self.api = Api()
        for name in ("default", NAMESPACE):
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def kind(self, manifest: dict) -> ApiResource:
        group = manifest["apiVersion"].rpartition("/")[0]
        found = self.api.kinds.find(group, manifest["kind"])
        assert found is not None
        return found

    def create(self, manifest: dict, manager: str = "kubectl-create", **options: Any) -> dict:
        return self.api.create(self.kind(manifest), NAMESPACE, manifest, Options(manager, **options)).object

    def apply(self, manifest: dict, manager: str = "slipway", **options: Any) -> dict:
        kind, name = self.kind(manifest), manifest["metadata"]["name"]
        return self.api.apply(kind, NAMESPACE, name, manifest, Options(manager, **options)).object

    def patch(self, manifest: dict, body: Any, manager: str = "kubectl", form: str = MERGE, **options: Any) -> dict:
        kind, name = self.kind(manifest), manifest["metadata"]["name"]
        return self.api.patch(kind, NAMESPACE, name, form, body, Options(manager, **options)).object

    def strategic(self, manifest: dict, body: Any, manager: str = "kubectl") -> dict:
        return self.patch(manifest, body, manager, STRATEGIC)

    def json_patch(self, manifest: dict, body: list, manager: str = "kubectl") -> dict:
        return self.patch(manifest, body, manager, JSON)

    def scale(self, manifest: dict, replicas: int, manager: str = "kubectl") -> dict:
        return self.patch(manifest, {"spec": {"replicas": replicas}}, manager, subresource="scale")

    def put(self, manifest: dict, manager: str = "kubectl-edit", **options: Any) -> dict:
        kind, name = self.kind(manifest), manifest["metadata"]["name"]
        return self.api.update(kind, NAMESPACE, name, manifest, Options(manager, **options)).object

    def delete(self, manifest: dict, **deletion: Any) -> bool:
        kind, name = self.kind(manifest), manifest["metadata"]["name"]
        return self.api.delete(kind, NAMESPACE, name, Deletion(**deletion))[1]

    def get(self, manifest: dict) -> dict:
        return self.api.entry(self.kind(manifest), NAMESPACE, manifest["metadata"]["name"]).object


def managers(found: dict) -> dict[str, str]:
    """Who has an entry in managedFields, and its operation with its subresource."""
    entries = found["metadata"]["managedFields"]
    return {each["manager"]: "/".join(filter(None, (each["operation"], each.get("subresource")))) for each in entries}


def fields(found: dict, manager: str) -> dict:
    return next(each["fieldsV1"] for each in found["metadata"]["managedFields"] if each["manager"] == manager)
