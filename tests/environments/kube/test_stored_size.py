"""What etcd takes, by sizes at which a real API server of Kubernetes 1.36 still stored an object, and no longer did."""

import pytest

from environments.kube.apply.stored_size import ETCD_BYTES, size_fault
from environments.kube.objects import Manifest


def widget(size: int) -> Manifest:
    metadata = {"name": "big", "namespace": "reading", "managedFields": [{"manager": "slipway"}]}
    return {"apiVersion": "example.test/v1", "kind": "Widget", "metadata": metadata, "spec": {"a": ["x" * size]}}


def role(rules: int) -> Manifest:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["x" * 200]}
    metadata = {"name": "big", "namespace": "reading"}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": [rule] * rules}


@pytest.mark.parametrize(
    ("obj", "fits"),
    [(widget(1_565_000), True), (widget(1_574_000), False), (role(6850), True), (role(7700), False)],
    ids=["JSON that was stored", "JSON that was not", "protobuf that was stored", "protobuf that was not"],
)
def test_what_etcd_takes(obj: Manifest, fits: bool) -> None:
    assert (size_fault(obj) == "") is fits


def test_the_words_have_both_sizes() -> None:
    assert size_fault(widget(2_000_000)) == (
        "is too large for the cluster: 2,000,154 bytes are stored of it, and etcd takes 1,571,840"
    )


def test_a_cluster_may_take_more() -> None:
    assert size_fault(widget(2_000_000), 2 * ETCD_BYTES) == ""
    assert "an API server takes 3,145,728" in size_fault(widget(3_200_000), 4 * ETCD_BYTES)
