"""CustomResourceDefinitions: they register kinds while the API runs."""

from typing import Any

from kube_schema import Schema, SchemaNode, recorded
from sandbox.kinds import ApiResource, Kinds
from sandbox.store import Object, Store, StoredVersion, now

GROUP, KIND = "apiextensions.k8s.io", "CustomResourceDefinition"
_METADATA = {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "x-embedded": True}
_TEXT = {"type": "string"}


class Definitions:
    """Keeps the table of kinds as the stored definitions say."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self.store, self.kinds = store, kinds

    def learn(self, entry: StoredVersion) -> StoredVersion:
        """Registers the kinds of a definition and says so in its status."""
        definition = entry.object
        self.kinds.register(*kinds_of(definition))
        status = _status(definition)
        if definition.get("status") == status:
            return entry
        return self.store.update({**definition, "status": status})

    def forget(self, definition: Object) -> None:
        """Removes a definition's kind and its objects."""
        spec = definition["spec"]
        for entry in self.store.entries(spec["group"], spec["names"]["kind"]):
            self.store.delete(entry.key)
        self.kinds.remove(spec["group"], spec["names"]["kind"])

    def learn_all(self) -> None:
        """Registers what a loaded store holds."""
        for entry in self.store.entries(GROUP, KIND):
            self.learn(entry)


def kinds_of(definition: Object) -> list[ApiResource]:
    """One kind for each served version, the stored one first."""
    spec = definition["spec"]
    served = [version for version in spec["versions"] if version.get("served", True)]
    stored = next((version for version in spec["versions"] if version.get("storage")), served[0])
    ordered = sorted(served, key=lambda version: version is not stored)
    names = tuple(version["name"] for version in ordered)
    return [_kind(definition, version, stored["name"], names) for version in ordered]


def _kind(definition: Object, version: Object, stored: str, names: tuple[str, ...]) -> ApiResource:
    spec, subresources = definition["spec"], version.get("subresources") or {}
    named = spec["names"]
    scale = subresources.get("scale")
    return ApiResource(
        spec["group"],
        version["name"],
        named["kind"],
        named["plural"],
        spec.get("scope") == "Namespaced",
        tuple(named.get("shortNames") or ()),
        tuple(named.get("categories") or ()),
        status="status" in subresources,
        scale=_scale_paths(scale) if scale else None,
        served=names,
        generation=True,
        singular=named.get("singular", ""),
        list_kind=named.get("listKind", ""),
        definition={"stored": stored, "columns": version.get("additionalPrinterColumns") or []},
        schema=schema_of_version((version.get("schema") or {}).get("openAPIV3Schema") or {}),
    )


def _scale_paths(scale: Object) -> tuple[str, str, str]:
    paths = (scale.get(f"{name}Path", "") for name in ("specReplicas", "statusReplicas", "labelSelector"))
    first, second, third = (path.lstrip(".") for path in paths)
    return first, second, third


def schema_of_version(raw: Object) -> SchemaNode:
    """The types of a custom resource, its metadata as those of every object."""
    properties = {**(raw.get("properties") or {}), "apiVersion": _TEXT, "kind": _TEXT, "metadata": _METADATA}
    return Schema(recorded().definitions, {}).node({**raw, "properties": properties})


def _status(definition: Object) -> dict[str, Any]:
    before = {each["type"]: each for each in (definition.get("status") or {}).get("conditions") or ()}
    spec = definition["spec"]
    return {
        "conditions": [
            before.get("NamesAccepted") or _condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            before.get("Established")
            or _condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "acceptedNames": spec["names"],
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }


def _condition(kind: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": now(), "reason": reason, "message": message}
