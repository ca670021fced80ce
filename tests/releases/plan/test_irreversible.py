"""What a release changes for good: a table of kinds, each as it was and as it will be."""

from typing import Any

import pytest

from releases.plan.irreversible import left_of


def made(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, **fields}


def claim(size: str, **spec: Any) -> dict[str, Any]:
    return made("PersistentVolumeClaim", spec={**spec, "resources": {"requests": {"storage": size}}})


def definition(*versions: str, stored: str) -> dict[str, Any]:
    listed = [{"name": name, "storage": name == stored} for name in versions]
    return made("CustomResourceDefinition", spec={"versions": listed})


TEMPLATE = {"metadata": {"labels": {"app": "web"}}}
FREE = [
    (claim("1Gi"), claim("1Gi")),
    (claim("1Gi"), claim("1024Mi")),
    (made("ConfigMap", data={"a": "1"}), made("ConfigMap", data={"a": "2"})),
    (made("ConfigMap", data={"a": "1"}, immutable=True), made("ConfigMap", data={"a": "1"}, immutable=True)),
    (made("Secret", data={"a": "1"}), made("Secret", data={"a": "2"}, type="Opaque")),
    (definition("v1", "v2", stored="v1"), definition("v1", "v2", stored="v2")),
    (made("Service", spec={"clusterIP": "None"}), made("Service", spec={})),
    (made("StatefulSet", spec={"replicas": 1}), made("StatefulSet", spec={"replicas": 3})),
    (made("Deployment", spec={"replicas": 1}), made("Deployment", spec={"replicas": 3})),
    (made("CronJob", spec={"schedule": "1"}), made("CronJob", spec={"schedule": "2"})),
]


@pytest.mark.parametrize(("old", "new"), FREE, ids=lambda each: each["kind"])
def test_what_the_server_takes_back_is_not_left(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert left_of(old, new) is None


WHOLE = [
    (made("ConfigMap", data={"a": "1"}), made("ConfigMap", data={"a": "2"}, immutable=True), "immutable"),
    (made("ConfigMap", data={"a": "1"}), made("ConfigMap", data={"a": "1"}, immutable=True), "immutable"),
    (made("Secret", data={"a": "1"}), made("Secret", data={"a": "2"}, immutable=True), "immutable"),
    (made("Secret", type="Opaque"), made("Secret", type="kubernetes.io/tls"), "type"),
    (definition("v1", stored="v1"), definition("v1", "v2", stored="v2"), "stored as v2"),
    (made("RoleBinding", roleRef={"name": "a"}), made("RoleBinding", roleRef={"name": "b"}), "role"),
    (made("PersistentVolume", spec={"nfs": {"path": "/a"}}), made("PersistentVolume", spec={"nfs": {}}), "data"),
]


@pytest.mark.parametrize(("old", "new", "words"), WHOLE)
def test_what_would_mean_something_else_is_left_whole(old: Any, new: Any, words: str) -> None:
    left = left_of(old, new)
    assert left
    assert left.manifest is None
    assert words in left.why


def test_a_claim_that_grew_keeps_its_size_and_the_rest_comes_back() -> None:
    old = {**claim("1Gi"), "metadata": {"name": "x", "labels": {"v": "1"}}}
    left = left_of(old, claim("2Gi"))
    assert left
    assert left.manifest == {**old, "spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    assert "stays at 2Gi" in left.why


def test_a_stateful_set_comes_back_with_the_claims_that_it_has_now() -> None:
    old = made("StatefulSet", spec={"template": 1, "volumeClaimTemplates": ["1Gi"], "serviceName": "a"})
    left = left_of(old, made("StatefulSet", spec={"template": 2, "volumeClaimTemplates": ["2Gi"], "serviceName": "a"}))
    assert left
    assert left.manifest
    assert left.manifest["spec"] == {"template": 1, "volumeClaimTemplates": ["2Gi"], "serviceName": "a"}
    assert "volumeClaimTemplates" in left.why


def test_a_deployment_comes_back_with_the_selector_that_it_has_now_and_pods_that_it_finds() -> None:
    old = made("Deployment", spec={"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE})
    left = left_of(old, made("Deployment", spec={"selector": {"matchLabels": {"role": "web"}}, "template": {}}))
    assert left
    assert left.manifest
    assert left.manifest["spec"]["selector"] == {"matchLabels": {"role": "web"}}
    assert left.manifest["spec"]["template"]["metadata"]["labels"] == {"app": "web", "role": "web"}


def test_a_fixed_field_stays_and_the_rest_comes_back() -> None:
    old = made("StorageClass", provisioner="a", allowVolumeExpansion=False)
    left = left_of(old, made("StorageClass", provisioner="b", allowVolumeExpansion=True))
    assert left
    assert left.manifest == {**old, "provisioner": "b"}
