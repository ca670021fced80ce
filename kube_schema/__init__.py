"""How the fields of Kubernetes objects are typed and how they merge, as a real API server told it.

The table (`merge_table.json.gz`) is recorded by scripts/record_merge_table.py: definitions of OpenAPI without their
descriptions. It is read once, and a node is made when it is first asked for.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("merge_table.json.gz")
_REF = "#/definitions/"
_SCALARS = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
_ANY = (
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
)


@dataclass(frozen=True, eq=False)
class SchemaNode:
    """One type. Nodes are shared and refer to each other through `Schema`; compare them by identity.

    `type` is "struct" (named fields), "map" (any keys), "list", "string", "integer", "number", "boolean",
    "int-or-string", "quantity" or "any" (not described).
    """

    raw: Mapping[str, Any]
    schema: "Schema" = field(repr=False)
    name: str = ""

    @cached_property
    def type(self) -> str:
        raw = self.raw
        if self.name in _ANY or (raw.get("x-kubernetes-preserve-unknown-fields") and not raw.get("properties")):
            return "any"
        if self.name.endswith(".api.resource.Quantity"):
            return "quantity"
        if raw.get("format") == "int-or-string" or raw.get("x-kubernetes-int-or-string"):
            return "int-or-string"
        if "properties" in raw:
            return "struct"
        if isinstance(raw.get("additionalProperties"), Mapping):
            return "map"
        if raw.get("type") == "array":
            return "list"
        return _SCALARS.get(str(raw.get("type")), "any")

    @property
    def format(self) -> str:
        """ "int32", "int64", "double", "byte" (base64), "date-time" or ""."""
        return str(self.raw.get("format", ""))

    @cached_property
    def children(self) -> Mapping[str, "SchemaNode"]:
        """A struct's fields by name."""
        return {name: self.schema.node(raw) for name, raw in self.raw.get("properties", {}).items()}

    @cached_property
    def embedded_children(self) -> tuple[tuple[str, "SchemaNode"], ...]:
        """The fields that every decoded object has."""
        return tuple((name, child) for name, child in self.children.items() if child.embedded)

    @property
    def open(self) -> bool:
        """Whether fields that are not described are kept."""
        return bool(self.raw.get("x-kubernetes-preserve-unknown-fields"))

    @cached_property
    def item(self) -> "SchemaNode | None":
        """The type of a list's items or a map's values."""
        raw = self.raw.get("items") if self.type == "list" else self.raw.get("additionalProperties")
        return self.schema.node(raw) if isinstance(raw, Mapping) else None

    def child(self, name: str) -> "SchemaNode | None":
        """The type of a field of a struct or of a value in a map; None where the schema does not know it."""
        return self.children.get(name) if self.type == "struct" else self.item

    @cached_property
    def list_type(self) -> str:
        """ "atomic", "set" or "map" for server-side apply; "" where it is no list."""
        return str(self.raw.get("x-kubernetes-list-type", "atomic")) if self.type == "list" else ""

    @cached_property
    def list_keys(self) -> tuple[str, ...]:
        """The fields that name an item of a list of type "map"."""
        return tuple(self.raw.get("x-kubernetes-list-map-keys", ()))

    @cached_property
    def atomic(self) -> bool:
        """Whether server-side apply replaces the value as a whole."""
        if self.type == "list":
            return self.list_type == "atomic"
        if self.type == "any":
            return not self.open
        return self.raw.get("x-kubernetes-map-type") == "atomic" or self.type not in ("struct", "map")

    @cached_property
    def patch_strategy(self) -> tuple[str, ...]:
        """Of a strategic merge patch: any of "merge", "replace", "retainKeys"; () is replace for lists."""
        return tuple(part for part in str(self.raw.get("x-kubernetes-patch-strategy", "")).split(",") if part)

    @property
    def merge_key(self) -> str:
        """The field that names a list's item in a strategic merge patch; "" where items are plain values."""
        return str(self.raw.get("x-kubernetes-patch-merge-key", ""))

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self.raw.get("required", ()))

    @property
    def default(self) -> Any:
        """The value of an absent field where the schema names one (a port's protocol: "TCP"), else None."""
        return self.raw.get("default")

    @property
    def embedded(self) -> bool:
        """Whether the field is there, empty, in every object that the server decodes."""
        return bool(self.raw.get("x-embedded"))


class Schema:
    """Types by name. `definitions` are those of OpenAPI v2; `kinds` maps "apps/v1/Deployment" to a name in them."""

    def __init__(self, definitions: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
        self.definitions, self.kinds = definitions, kinds
        self._named: dict[str, SchemaNode] = {}

    def root(self, api_version: str, kind: str) -> SchemaNode | None:
        """The type of a kind, None where the table does not have it."""
        name = self.kinds.get(f"{api_version}/{kind}")
        return self.named(name) if name else None

    def named(self, name: str) -> SchemaNode:
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = SchemaNode(self.definitions.get(name, {}), self, name)
        return found

    def node(self, raw: Mapping[str, Any]) -> SchemaNode:
        """The node of an inline definition or of a reference, whose own hints win over the definition's."""
        if "$ref" not in raw:
            return SchemaNode(raw, self)
        name = raw["$ref"].removeprefix(_REF)
        hints = {key: value for key, value in raw.items() if key != "$ref"}
        return SchemaNode({**self.definitions.get(name, {}), **hints}, self, name) if hints else self.named(name)

    def field_type(self, api_version: str, kind: str, path: tuple[str, ...]) -> SchemaNode | None:
        """The type of a field by its path of names; list items are entered without naming them."""
        node = self.root(api_version, kind)
        for name in path:
            while node is not None and node.type == "list":
                node = node.item
            node = node.child(name) if node is not None else None
        return node


@cache
def recorded() -> Schema:
    """The table that comes with the product."""
    table = json.loads(gzip.decompress(TABLE.read_bytes()))
    return Schema(table["definitions"], table["kinds"])


def node_of(raw: Mapping[str, Any]) -> SchemaNode:
    """The type of a schema of its own, such as a CustomResourceDefinition's openAPIV3Schema."""
    return Schema({}, {}).node(raw)
