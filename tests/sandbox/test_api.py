"""What the sandbox's API refuses, fills in and keeps."""

import base64
from typing import Any

import pytest

from sandbox.errors import ApiError
from tests.sandbox.client import NAMESPACE, Client, config_map, deployment


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_deployment_is_defaulted_as_on_the_real_server(client: Client) -> None:
    found = client.create(deployment(replicas=None, resources={"limits": {"cpu": 1, "memory": "1024Mi"}}))
    assert found["spec"] == {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "shop/web:1",
                        "env": [{"name": "A", "value": "1"}],
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "imagePullPolicy": "IfNotPresent",
                    }
                ],
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst",
                "securityContext": {},
                "schedulerName": "default-scheduler",
            },
        },
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("host:5000/web", "Always"),
        ("web:1", "IfNotPresent"),
        ("web@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(client: Client, image: str, policy: str) -> None:
    found = client.create(deployment(image=image))
    assert found["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_string_data_is_stored_as_data_and_its_dropped_keys_stay(client: Client) -> None:
    def secret(**text: str) -> dict:
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": text}

    client.apply(secret(p="1"))
    found = client.apply(secret(q="2"))
    assert found["data"] == {"p": base64.b64encode(b"1").decode(), "q": base64.b64encode(b"2").decode()}
    assert "stringData" not in found


def stateful(**spec: Any) -> dict:
    body = {**deployment()["spec"], "serviceName": "web", **spec}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": body}


def relabelled(label: str, selector: str) -> dict:
    manifest = deployment()
    manifest["spec"]["selector"] = {"matchLabels": {"app": selector}}
    manifest["spec"]["template"]["metadata"]["labels"] = {"app": label}
    return manifest


IMMUTABLE = [
    ("selector", deployment(), relabelled("other", "other"), "spec.selector", "field is immutable"),
    ("labels", deployment(), relabelled("other", "web"), "spec.template.metadata.labels", "`selector` does not match"),
    ("stateful set", stateful(), stateful(serviceName="x"), "spec", "for fields other than 'replicas', 'ordinals'"),
    (
        "config map",
        {**config_map(a="1"), "immutable": True},
        {**config_map(a="2"), "immutable": True},
        "data",
        "field is immutable when `immutable` is set",
    ),
]


@pytest.mark.parametrize(("what", "before", "after", "field", "words"), IMMUTABLE, ids=[row[0] for row in IMMUTABLE])
def test_what_must_not_change(client: Client, what: str, before: dict, after: dict, field: str, words: str) -> None:
    client.apply(before)
    with pytest.raises(ApiError) as refused:
        client.apply(after)
    cause = refused.value.body["details"]["causes"][0]
    assert (refused.value.code, cause["field"]) == (422, field)
    assert words in cause["message"]


def test_a_selector_error_reads_as_the_real_servers(client: Client) -> None:
    client.apply(deployment())
    with pytest.raises(ApiError) as refused:
        client.apply(relabelled("other", "other"))
    assert refused.value.message == (
        'Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: '
        "field is immutable"
    )


def test_unknown_fields_are_refused_only_when_asked(client: Client) -> None:
    manifest = deployment()
    manifest["spec"]["replica"] = 1
    words = (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
        'unknown field "spec.replica"'
    )
    with pytest.raises(ApiError) as refused:
        client.create(manifest, field_validation="Strict")
    assert (refused.value.code, refused.value.message) == (400, words)
    outcome = client.api.create(client.kind(manifest), NAMESPACE, manifest)
    assert outcome.warnings == ('unknown field "spec.replica"',)
    assert "replica" not in outcome.object["spec"]


def test_a_namespace_has_to_be_there_and_alive(client: Client) -> None:
    kind = client.kind(config_map())
    with pytest.raises(ApiError, match='namespaces "nowhere" not found') as refused:
        client.api.create(kind, "nowhere", config_map())
    assert refused.value.code == 404
    client.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    with pytest.raises(ApiError, match="because it is being terminated") as late:
        client.apply(config_map(), dry_run=True)
    assert late.value.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"


@pytest.mark.parametrize(
    ("propagation", "gone", "finalizers"),
    [("Background", True, None), ("Foreground", False, ["foregroundDeletion"]), ("Orphan", False, ["orphan"])],
)
def test_deletion_policies(client: Client, propagation: str, gone: bool, finalizers: list | None) -> None:
    client.apply(deployment())
    assert client.delete(deployment(), propagation=propagation) is gone
    if not gone:
        metadata = client.get(deployment())["metadata"]
        assert metadata["finalizers"] == finalizers
        assert "deletionTimestamp" in metadata


def test_a_deletion_of_another_object_is_refused(client: Client) -> None:
    client.apply(config_map())
    with pytest.raises(ApiError, match="does not match the UID in record") as refused:
        client.delete(config_map(), uid="11111111-1111-1111-1111-111111111111")
    assert refused.value.code == 409


def test_the_last_finalizer_ends_the_object(client: Client) -> None:
    held = config_map()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    client.create(held)
    assert not client.delete(config_map())
    client.patch(config_map(), {"metadata": {"finalizers": None}})
    with pytest.raises(ApiError, match="not found"):
        client.get(config_map())


def test_a_pod_on_a_node_goes_when_its_kubelet_says_so(client: Client) -> None:
    spec = {"containers": [{"name": "web", "image": "web:1"}], "nodeName": "app-0"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    client.create(pod)
    assert not client.delete(pod)
    assert client.get(pod)["metadata"]["deletionGracePeriodSeconds"] == 30
    assert client.delete(pod, grace=0)


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "test", "path": "/data/a", "value": "9"}],
        [{"op": "replace", "path": "/data/none", "value": "9"}],
        [{"op": "remove", "path": "/none/x"}],
    ],
)
def test_a_json_patch_that_does_not_fit_tells_nothing(client: Client, operations: list) -> None:
    client.create(config_map(a="1"))
    with pytest.raises(ApiError) as refused:
        client.json_patch(config_map(), operations)
    assert refused.value.body["details"] == {}
    assert refused.value.message == "the server rejected our request due to an error in our request"


def test_generation_counts_changes_of_the_specification(client: Client) -> None:
    client.apply(deployment())
    assert client.patch(deployment(), {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
    assert client.patch(deployment(), {"spec": {"replicas": 4}})["metadata"]["generation"] == 2
    assert "generation" not in client.apply(config_map())["metadata"]


def definition(**spec: Any) -> dict:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"size": {"type": "integer", "minimum": 1}, "mode": {"type": "string", "default": "a"}},
            }
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "kind": "Widget"}
    body = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version], **spec}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": "widgets.example.com"}, "spec": body}


def widget(**spec: Any) -> dict:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


def test_a_definition_brings_its_kind_at_once(client: Client) -> None:
    established = client.create(definition())["status"]["conditions"][-1]
    assert (established["type"], established["status"]) == ("Established", "True")
    assert client.apply(widget(size=2))["spec"] == {"size": 2, "mode": "a"}
    with pytest.raises(ApiError, match=r"spec\.size in body should be greater than or equal to 1"):
        client.apply(widget(size=0))
    with pytest.raises(ApiError, match="field not declared in schema"):
        client.apply(widget(other=1))


def test_with_its_definition_the_kind_goes(client: Client) -> None:
    client.create(definition())
    client.apply(widget(size=2))
    client.delete(definition())
    assert client.api.kinds.find("example.com", "Widget") is None
    assert client.api.store.list("example.com", "Widget") == []


def test_an_autoscaler_is_one_object_at_both_versions(client: Client) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": reference, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70}
    old = client.api.kinds.resource("autoscaling", "v1", "horizontalpodautoscalers")
    assert old is not None
    manifest = {"apiVersion": "autoscaling/v1", "kind": old.kind, "metadata": {"name": "web"}, "spec": spec}
    found = client.api.create(old, NAMESPACE, manifest).object
    assert found["apiVersion"] == "autoscaling/v2"
    assert found["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
