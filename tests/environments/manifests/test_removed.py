"""A version that is gone names the one that has the kind now."""

import pytest

from environments.manifests.errors import BundleErrors
from environments.manifests.kinds import DEFAULT_KINDS
from environments.manifests.removed import REMOVED, removed_words
from environments.manifests.render import render
from kube_schema import recorded

from .making import bundle, dev

NOW = [
    ("extensions/v1beta1", "Ingress", "networking.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "Ingress", "networking.k8s.io/v1"),
    ("extensions/v1beta1", "Deployment", "apps/v1"),
    ("apps/v1beta2", "StatefulSet", "apps/v1"),
    ("extensions/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"),
    ("batch/v1beta1", "CronJob", "batch/v1"),
    ("policy/v1beta1", "PodDisruptionBudget", "policy/v1"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole", "rbac.authorization.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "flowcontrol.apiserver.k8s.io/v1"),
    ("cert-manager.io/v1alpha2", "Certificate", "cert-manager.io/v1"),
]


@pytest.mark.parametrize(("version", "kind", "now"), NOW, ids=["/".join(row[:2]) for row in NOW])
def test_the_version_that_has_the_kind_now_is_named(version: str, kind: str, now: str) -> None:
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n"
    with pytest.raises(BundleErrors) as caught:
        render(bundle(base=text), dev(), {})
    assert f"apiVersion: {version} has no {kind}; it is in {now}" in caught.value.words
    assert "does not allow objects of kind" not in caught.value.words


def test_what_is_gone_altogether_says_what_is_there_instead() -> None:
    assert removed_words("policy/v1beta1", "PodSecurityPolicy") == (
        "policy/v1beta1 has no PodSecurityPolicy since Kubernetes 1.25, and nothing else has: label namespaces for "
        "Pod Security admission instead (pod-security.kubernetes.io/enforce)"
    )


def test_what_is_there_is_not_removed() -> None:
    assert not [kind for kind in recorded().kinds if tuple(kind.rsplit("/", 1)) in REMOVED]
    assert removed_words("apps/v1", "Deployment") == ""


def test_every_version_that_is_named_has_the_kind() -> None:
    for (_, kind), removal in REMOVED.items():
        group = removal.now.rpartition("/")[0]
        if f"{kind}.{group}" in DEFAULT_KINDS and recorded().root(removal.now, kind) is None:
            assert group in {"cert-manager.io", "keda.sh"}
