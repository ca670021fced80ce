"""Kinds beyond the usual ones: those that an environment adds, and those that a bundle's own definitions bring."""

from typing import Any

import pytest

from environments.manifests.definitions import definitions_in
from environments.manifests.errors import BundleErrors
from environments.manifests.kinds import allowed
from environments.manifests.render import render
from environments.manifests.yaml import parse
from tests.environments.manifests.making import bundle, dev

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: toys, singular: toy, kind: Toy}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer}
              colour: {type: string}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
  - {name: v1beta1, served: false, storage: false}
"""
TOY = "apiVersion: example.com/v1\nkind: Toy\nmetadata: {name: ball}\nspec: {size: 3, free: {any: thing}}\n"
OF_CLUSTER = DEFINITION.replace("Namespaced", "Cluster")


def rendered(*texts: str, **target: Any) -> dict[str, Any]:
    wanted = dev(**{"more_kinds": ("CustomResourceDefinition",), **target})
    return {each.ref.kind: each for each in render(bundle(base="---\n".join(texts)), wanted, {}).objects}


MORE = [
    ("Certificate.cert-manager.io", ("Certificate",), True),
    ("Certificate.cert-manager.io", ("Certificate.cert-manager.io",), True),
    ("Certificate.cert-manager.io", ("*.cert-manager.io",), True),
    ("Certificate.cert-manager.io", ("Certificate.example.com",), False),
    ("Certificate.acme.cert-manager.io", ("*.cert-manager.io",), True),
    ("Namespace", ("Namespace",), True),
    ("Namespace", ("*.cert-manager.io",), False),
    ("Deployment.apps", None, True),
    ("Namespace", None, False),
    ("Namespace", (), False),
]


@pytest.mark.parametrize(("kind", "kinds", "may"), MORE)
def test_which_kinds_a_list_names(kind: str, kinds: tuple[str, ...] | None, may: bool) -> None:
    assert allowed(kind, kinds) is may


def test_more_kinds_are_added_to_the_usual_ones() -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop-dev, namespace: shop-dev}\n"
    found = rendered(config, space, more_kinds=("Namespace",))
    assert found.keys() == {"ConfigMap", "Namespace"}
    assert "namespace" not in found["Namespace"].manifest["metadata"], "as the API server leaves it out"
    assert rendered(space, allowed_kinds=("Secret",), more_kinds=("Namespace",)).keys() == {"Namespace"}


def test_the_kind_of_the_bundles_own_definition_is_known_and_comes_after_it() -> None:
    found = rendered(TOY, DEFINITION)
    assert [each.stage for each in found.values()] == ["definitions", "after"]
    assert found["Toy"].ref.namespace == "shop-dev"


def test_its_scope_says_whether_it_has_a_namespace() -> None:
    named = TOY.replace("name: ball", "name: ball, namespace: elsewhere")
    found = rendered(named, OF_CLUSTER)["Toy"]
    assert found.ref.namespace == ""
    assert "namespace" not in found.manifest["metadata"]


def test_what_the_cluster_says_of_a_kinds_scope_counts() -> None:
    found = rendered(TOY, more_kinds=("*.example.com",), cluster_kinds=frozenset({"Toy.example.com"}))["Toy"]
    assert found.ref.namespace == ""


WRONG = [
    (TOY.replace("size: 3", "size: big"), "spec.size: a whole number is needed"),
    (TOY.replace("size: 3", "sise: 3"), "spec.sise: unknown field, did you mean size"),
    (TOY.replace("size: 3, ", ""), "spec.size: is missing"),
    (TOY.replace("/v1", "/v1beta1"), "has no example.com/v1beta1; it has example.com/v1"),
    (TOY.replace("Toy", "Doll"), "does not allow objects of kind Doll.example.com"),
]


@pytest.mark.parametrize(("toy", "words"), WRONG)
def test_objects_are_held_against_the_bundles_own_schema(toy: str, words: str) -> None:
    with pytest.raises(BundleErrors, match=words):
        rendered(toy, DEFINITION)


def test_without_the_right_to_define_kinds_nothing_is_brought() -> None:
    with pytest.raises(BundleErrors, match=r"(?s)CustomResourceDefinition.*More kinds"):
        rendered(TOY, DEFINITION, more_kinds=())


@pytest.mark.parametrize(
    ("group", "kind", "own"),
    [
        ("example.com", "Toy", True),
        ("cert-manager.io", "ClusterIssuer", True),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding", False),
        ("gateway.networking.k8s.io", "Gateway", False),
        ("apps", "Deployment", False),
        ("storage.k8s.io", "StorageClass", False),
    ],
)
def test_no_definition_makes_a_kind_of_kubernetes_ones_own(group: str, kind: str, own: bool) -> None:
    text = DEFINITION.replace("example.com\n", f"{group}\n").replace("kind: Toy", f"kind: {kind}")
    assert bool(definitions_in(each.data for each in parse(text, "x.yaml"))) is own


@pytest.mark.parametrize("spec", ["", "spec: {}", "spec: {group: example.com, names: [], versions: 3}"])
def test_a_definition_that_cannot_be_read_brings_nothing(spec: str) -> None:
    head = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n"
    assert definitions_in([parse(head + spec, "x.yaml")[0].data]) == {}
