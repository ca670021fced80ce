"""The recorded table of types and merge rules."""

import pytest

from kube_schema import node_of, recorded

POD = ("spec", "template", "spec")
RULES = [
    ((*POD, "containers"), "map", ("name",), ("merge",), "name"),
    ((*POD, "containers", "ports"), "map", ("containerPort", "protocol"), ("merge",), "containerPort"),
    ((*POD, "containers", "env"), "map", ("name",), ("merge",), "name"),
    ((*POD, "containers", "command"), "atomic", (), (), ""),
    ((*POD, "containers", "volumeMounts"), "map", ("mountPath",), ("merge",), "mountPath"),
    ((*POD, "volumes"), "map", ("name",), ("merge", "retainKeys"), "name"),
    ((*POD, "tolerations"), "atomic", (), (), ""),
    (("metadata", "finalizers"), "set", (), ("merge",), ""),
]


@pytest.mark.parametrize(
    ("path", "kind", "keys", "strategy", "merge_key"), RULES, ids=[".".join(row[0]) for row in RULES]
)
def test_how_lists_merge(path: tuple, kind: str, keys: tuple, strategy: tuple, merge_key: str) -> None:
    node = recorded().field_type("apps/v1", "Deployment", path)
    assert node is not None
    assert (node.list_type, node.list_keys, node.patch_strategy, node.merge_key) == (kind, keys, strategy, merge_key)


TYPES = [
    (("spec", "replicas"), "integer"),
    (("spec", "paused"), "boolean"),
    (("spec", "selector"), "struct"),
    (("metadata", "labels"), "map"),
    ((*POD, "containers", "resources", "limits", "cpu"), "quantity"),
    (("spec", "strategy", "rollingUpdate", "maxSurge"), "int-or-string"),
]


@pytest.mark.parametrize(("path", "kind"), TYPES, ids=[".".join(row[0]) for row in TYPES])
def test_types_of_fields(path: tuple, kind: str) -> None:
    node = recorded().field_type("apps/v1", "Deployment", path)
    assert node is not None
    assert node.type == kind


def test_a_selector_is_atomic_and_a_ports_protocol_has_a_default() -> None:
    selector = recorded().field_type("apps/v1", "Deployment", ("spec", "selector"))
    protocol = recorded().field_type("apps/v1", "Deployment", (*POD, "containers", "ports", "protocol"))
    assert selector is not None
    assert selector.atomic
    assert protocol is not None
    assert protocol.default == "TCP"


def test_what_the_table_does_not_know() -> None:
    assert recorded().root("example.com/v1", "Widget") is None
    assert recorded().field_type("apps/v1", "Deployment", ("spec", "replica")) is None


def test_a_schema_of_its_own_that_keeps_unknown_fields() -> None:
    open_struct = node_of({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    assert (open_struct.type, open_struct.atomic) == ("any", False)
