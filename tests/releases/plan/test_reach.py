"""What objects do beyond the namespace of their application."""

import pytest

from environments.kube.objects import Ref
from releases.plan.reach import WHOLE_CLUSTER, reach_of, reaching

WIDE = [
    (Ref("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "x"), "stops others' work"),
    (Ref("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "x"), "Gives rights in the whole cluster"),
    (Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "x"), "Defines a kind for all"),
    (Ref("storage.k8s.io/v1", "StorageClass", "", "x"), "where volumes come from"),
    (Ref("v1", "Namespace", "", "x"), "pod security"),
    (Ref("gateway.networking.k8s.io/v1", "Gateway", "shop", "x"), "requests for hosts"),
    (Ref("example.com/v1", "Toy", "", "x"), WHOLE_CLUSTER),
]


@pytest.mark.parametrize(("ref", "words"), WIDE, ids=lambda each: each.kind if isinstance(each, Ref) else "")
def test_what_reaches_beyond_its_namespace_is_told(ref: Ref, words: str) -> None:
    assert words in reach_of(ref)


@pytest.mark.parametrize("ref", [Ref("apps/v1", "Deployment", "shop", "x"), Ref("example.com/v1", "Toy", "shop", "x")])
def test_what_keeps_to_its_namespace_is_not(ref: Ref) -> None:
    assert reach_of(ref) == ""


def test_only_what_changes_is_a_risk_the_gravest_first() -> None:
    rows = [
        {"ref": ["example.com/v1", "Toy", "", "toy"], "action": "create"},
        {"ref": ["v1", "Namespace", "", "old"], "action": "unchanged"},
        {"ref": ["rbac.authorization.k8s.io/v1", "ClusterRole", "", "role"], "action": "update"},
    ]
    assert [text for _title, text in reaching(rows)] == ["ClusterRole role", "Toy toy"]
