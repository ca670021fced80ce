"""Server-side apply in the sandbox comes out as on the real server (each row was run there)."""

import copy
from collections.abc import Callable

import pytest

from sandbox.api import Options
from sandbox.errors import ApiError
from tests.sandbox.client import Client, config_map, deployment, fields, managers


@pytest.fixture
def client() -> Client:
    return Client()


def image(found: dict) -> str:
    return found["spec"]["template"]["spec"]["containers"][0]["image"]


def variables(found: dict) -> list[str]:
    return [each["name"] for each in found["spec"]["template"]["spec"]["containers"][0].get("env", [])]


def test_the_same_apply_twice_changes_nothing(client: Client) -> None:
    first = client.apply(deployment())
    assert client.apply(deployment()) is first


def test_an_apply_owns_what_it_names_and_no_defaults(client: Client) -> None:
    found = client.apply(deployment())
    assert found["spec"]["progressDeadlineSeconds"] == 600
    assert fields(found, "slipway") == {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"web"}': {
                            ".": {},
                            "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
                            "f:image": {},
                            "f:name": {},
                            "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                        }
                    }
                },
            },
        },
    }


def test_a_creation_owns_its_defaults_too(client: Client) -> None:
    found = client.create(deployment())
    spec = fields(found, "kubectl-create")["f:spec"]
    assert spec["f:strategy"] == {
        "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
        "f:type": {},
    }
    assert "." not in spec["f:template"]["f:spec"]["f:containers"]


def test_a_field_goes_when_its_last_owner_drops_it(client: Client) -> None:
    client.apply(deployment(env={"A": "1", "B": "2"}))
    found = client.apply(deployment())
    assert variables(found) == ["A"]
    assert found["metadata"]["generation"] == 2


def test_a_conflict_names_fields_and_managers(client: Client) -> None:
    client.apply(deployment())
    client.patch(deployment(), {"spec": {"replicas": 9}}, "kubectl-edit")
    containers = [{"name": "web", "image": "shop/web:9"}]
    client.strategic(deployment(), {"spec": {"template": {"spec": {"containers": containers}}}}, "kubectl-set")
    with pytest.raises(ApiError) as refused:
        client.apply(deployment())
    assert refused.value.message == (
        'Apply failed with 2 conflicts: conflicts with "kubectl-edit" using apps/v1:\n- .spec.replicas\n'
        'conflicts with "kubectl-set" using apps/v1:\n- .spec.template.spec.containers[name="web"].image'
    )
    assert [cause["field"] for cause in refused.value.body["details"]["causes"]] == [
        ".spec.replicas",
        '.spec.template.spec.containers[name="web"].image',
    ]


def test_force_takes_fields_back_and_leaves_what_others_added(client: Client) -> None:
    client.apply(deployment())
    containers = [{"name": "web", "image": "shop/web:9", "env": [{"name": "EXTRA", "value": "1"}]}]
    client.strategic(deployment(), {"spec": {"template": {"spec": {"containers": containers}}}}, "kubectl-set")
    found = client.apply(deployment(), force=True)
    assert image(found) == "shop/web:1"
    assert variables(found) == ["EXTRA", "A"]
    assert managers(found) == {"slipway": "Apply", "kubectl-set": "Update"}


def test_a_scale_conflict_tells_of_the_subresource(client: Client) -> None:
    client.apply(deployment())
    client.scale(deployment(), 5)
    with pytest.raises(
        ApiError, match=r'conflict with "kubectl" with subresource "scale" using apps/v1: \.spec\.replicas'
    ):
        client.apply(deployment())


def hpa_took_over(client: Client) -> None:
    client.scale(deployment(), 4, "kube-controller-manager")


def second_manager_applied(client: Client) -> None:
    minimal = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    client.apply(minimal, "slipway-scale")


def scale_patched_with_the_same(client: Client) -> None:
    client.scale(deployment(), 3)


REPLICAS: list[tuple[str, Callable[[Client], object], int]] = [
    ("nobody else", lambda client: None, 1),
    ("an autoscaler wrote 4", hpa_took_over, 4),
    ("a second manager applied 3", second_manager_applied, 3),
    ("/scale was patched with the same value", scale_patched_with_the_same, 1),
    ("kubectl scaled to 5", lambda client: client.scale(deployment(), 5), 5),
]


@pytest.mark.parametrize(("who", "write", "left"), REPLICAS, ids=[row[0] for row in REPLICAS])
def test_dropping_replicas_leaves(client: Client, who: str, write: Callable[[Client], object], left: int) -> None:
    client.apply(deployment())
    write(client)
    assert client.apply(deployment(replicas=None))["spec"]["replicas"] == left


def test_a_selector_is_one_field(client: Client) -> None:
    def service(**selector: str) -> dict:
        spec = {"selector": selector, "ports": [{"port": 80}]}
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}

    client.apply(service(app="web", colour="blue"))
    assert client.apply(service(app="web"))["spec"]["selector"] == {"app": "web"}
    client.json_patch(service(), [{"op": "add", "path": "/spec/selector/colour", "value": "green"}], "slipway-traffic")
    with pytest.raises(ApiError) as refused:
        client.apply(service(app="web"))
    expected = 'Apply failed with 1 conflict: conflict with "slipway-traffic" using v1: .spec.selector'
    assert refused.value.message == expected


def test_adopting_an_entry_lets_the_next_apply_remove_its_fields(client: Client) -> None:
    client.apply(config_map(a="1"))
    live = client.patch(config_map(), {"data": {"extra": "1"}}, "kubectl-edit")
    assert client.apply(config_map(a="1"))["data"] == {"a": "1", "extra": "1"}
    mine = next(each for each in live["metadata"]["managedFields"] if each["manager"] == "slipway")
    adopted = {**mine, "fieldsV1": {"f:data": {"f:a": {}, "f:extra": {}}}}
    patched = client.json_patch(
        config_map(),
        [
            {"op": "replace", "path": "/metadata/managedFields", "value": [adopted]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        ],
    )
    assert managers(patched) == {"slipway": "Apply"}
    assert client.apply(config_map(a="1"))["data"] == {"a": "1"}


def test_an_object_nobody_kept_book_of_belongs_to_its_past(client: Client) -> None:
    client.create(config_map(a="1", b="2"))
    client.patch(config_map(), {"metadata": {"managedFields": [{}]}}, "kubectl")
    assert managers(client.apply(config_map(a="1"))) == {"slipway": "Apply", "before-first-apply": "Update"}


def test_status_and_specification_have_their_own_entries(client: Client) -> None:
    client.apply(deployment())
    status = {**copy.deepcopy(client.get(deployment())), "status": {"replicas": 3, "observedGeneration": 1}}
    status["spec"]["replicas"] = 99
    found = client.put(status, "kube-controller-manager", subresource="status")
    assert found["spec"]["replicas"] == 3
    assert found["metadata"]["generation"] == 1
    assert managers(found)["kube-controller-manager"] == "Update/status"


@pytest.mark.parametrize(
    ("metadata", "code", "words"),
    [
        ({"resourceVersion": "1"}, 409, "the object has been modified"),
        ({"uid": "11111111-1111-1111-1111-111111111111"}, 422, "metadata.uid"),
        ({"managedFields": []}, 400, "metadata.managedFields must be nil"),
        ({"name": "other"}, 400, "the name of the object"),
    ],
)
def test_an_apply_to_another_object_is_refused(client: Client, metadata: dict, code: int, words: str) -> None:
    client.apply(config_map(a="1"))
    sent = config_map(a="2")
    sent["metadata"] = {**sent["metadata"], **metadata}
    kind = client.kind(sent)
    with pytest.raises(ApiError, match=words) as refused:
        client.api.apply(kind, "shop", "settings", sent, Options("slipway"))
    assert refused.value.code == code


def test_a_uid_of_an_object_that_is_gone_is_a_conflict_but_a_version_recreates(client: Client) -> None:
    gone = client.apply(config_map(a="1"))["metadata"]
    client.delete(config_map())
    sent = config_map(a="1")
    sent["metadata"] |= {"uid": gone["uid"], "resourceVersion": gone["resourceVersion"]}
    with pytest.raises(ApiError, match="uid mismatch"):
        client.apply(sent)
    del sent["metadata"]["uid"]
    assert client.apply(sent)["metadata"]["uid"] != gone["uid"]


TYPES = [
    ({"replica": 1}, ".spec.replica: field not declared in schema"),
    ({"replicas": "3"}, ".spec.replicas: expected numeric (int or float), got string"),
    ({"paused": "x"}, ".spec.paused: expected boolean, got &{x}"),
]


@pytest.mark.parametrize(("spec", "words"), TYPES, ids=[row[1] for row in TYPES])
def test_a_body_that_does_not_fit_is_500_without_a_reason(client: Client, spec: dict, words: str) -> None:
    manifest = deployment()
    manifest["spec"] |= spec
    with pytest.raises(ApiError) as refused:
        client.apply(manifest)
    assert refused.value.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"failed to create typed patch object (/web; apps/v1, Kind=Deployment): {words}",
        "code": 500,
    }


def test_a_key_twice_is_refused(client: Client) -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] *= 2
    words = r'containers\[name="web"\]\.env: duplicate entries for key \[name="A"\]'
    with pytest.raises(ApiError, match=words):
        client.apply(manifest)


def test_a_dry_run_stores_nothing(client: Client) -> None:
    client.apply(deployment())
    before = client.get(deployment())
    after = client.apply(deployment(image="shop/web:2"), dry_run=True)
    assert image(after) == "shop/web:2"
    assert after["metadata"]["generation"] == 2
    assert client.get(deployment()) is before
    created = client.apply(deployment("new"), dry_run=True)
    assert "resourceVersion" not in created["metadata"]
    with pytest.raises(ApiError, match="not found"):
        client.get(deployment("new"))
