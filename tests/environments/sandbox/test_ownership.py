"""Server-side apply in the sandbox comes out as on the real server (each row was run there)."""

import copy
from collections.abc import Callable

import pytest

from sandbox.api import Options
from sandbox.errors import ApiError
from tests.environments.sandbox.hands import Hands, config_map, deployment, fields, managers


@pytest.fixture
def hands() -> Hands:
    return Hands()


def image(found: dict) -> str:
    return found["spec"]["template"]["spec"]["containers"][0]["image"]


def variables(found: dict) -> list[str]:
    return [each["name"] for each in found["spec"]["template"]["spec"]["containers"][0].get("env", [])]


def test_the_same_apply_twice_changes_nothing(hands: Hands) -> None:
    first = hands.apply(deployment())
    assert hands.apply(deployment()) is first


def test_an_apply_owns_what_it_names_and_no_defaults(hands: Hands) -> None:
    found = hands.apply(deployment())
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


def test_a_creation_owns_its_defaults_too(hands: Hands) -> None:
    found = hands.create(deployment())
    spec = fields(found, "kubectl-create")["f:spec"]
    assert spec["f:strategy"] == {
        "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
        "f:type": {},
    }
    assert "." not in spec["f:template"]["f:spec"]["f:containers"]


def test_a_field_goes_when_its_last_owner_drops_it(hands: Hands) -> None:
    hands.apply(deployment(env={"A": "1", "B": "2"}))
    found = hands.apply(deployment())
    assert variables(found) == ["A"]
    assert found["metadata"]["generation"] == 2


def test_a_conflict_names_fields_and_managers(hands: Hands) -> None:
    hands.apply(deployment())
    hands.patch(deployment(), {"spec": {"replicas": 9}}, "kubectl-edit")
    containers = [{"name": "web", "image": "shop/web:9"}]
    hands.strategic(deployment(), {"spec": {"template": {"spec": {"containers": containers}}}}, "kubectl-set")
    with pytest.raises(ApiError) as refused:
        hands.apply(deployment())
    assert refused.value.message == (
        'Apply failed with 2 conflicts: conflicts with "kubectl-edit" using apps/v1:\n- .spec.replicas\n'
        'conflicts with "kubectl-set" using apps/v1:\n- .spec.template.spec.containers[name="web"].image'
    )
    assert [cause["field"] for cause in refused.value.body["details"]["causes"]] == [
        ".spec.replicas",
        '.spec.template.spec.containers[name="web"].image',
    ]


def test_force_takes_fields_back_and_leaves_what_others_added(hands: Hands) -> None:
    hands.apply(deployment())
    containers = [{"name": "web", "image": "shop/web:9", "env": [{"name": "EXTRA", "value": "1"}]}]
    hands.strategic(deployment(), {"spec": {"template": {"spec": {"containers": containers}}}}, "kubectl-set")
    found = hands.apply(deployment(), force=True)
    assert image(found) == "shop/web:1"
    assert variables(found) == ["EXTRA", "A"]
    assert managers(found) == {"slipway": "Apply", "kubectl-set": "Update"}


def test_a_scale_conflict_tells_of_the_subresource(hands: Hands) -> None:
    hands.apply(deployment())
    hands.scale(deployment(), 5)
    with pytest.raises(
        ApiError, match=r'conflict with "kubectl" with subresource "scale" using apps/v1: \.spec\.replicas'
    ):
        hands.apply(deployment())


def hpa_took_over(hands: Hands) -> None:
    hands.scale(deployment(), 4, "kube-controller-manager")


def second_manager_applied(hands: Hands) -> None:
    minimal = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    hands.apply(minimal, "slipway-scale")


def scale_patched_with_the_same(hands: Hands) -> None:
    hands.scale(deployment(), 3)


REPLICAS: list[tuple[str, Callable[[Hands], object], int]] = [
    ("nobody else", lambda hands: None, 1),
    ("an autoscaler wrote 4", hpa_took_over, 4),
    ("a second manager applied 3", second_manager_applied, 3),
    ("/scale was patched with the same value", scale_patched_with_the_same, 1),
    ("kubectl scaled to 5", lambda hands: hands.scale(deployment(), 5), 5),
]


@pytest.mark.parametrize(("who", "write", "left"), REPLICAS, ids=[row[0] for row in REPLICAS])
def test_dropping_replicas_leaves(hands: Hands, who: str, write: Callable[[Hands], object], left: int) -> None:
    hands.apply(deployment())
    write(hands)
    assert hands.apply(deployment(replicas=None))["spec"]["replicas"] == left


def test_a_selector_is_one_field(hands: Hands) -> None:
    def service(**selector: str) -> dict:
        spec = {"selector": selector, "ports": [{"port": 80}]}
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}

    hands.apply(service(app="web", colour="blue"))
    assert hands.apply(service(app="web"))["spec"]["selector"] == {"app": "web"}
    hands.json_patch(service(), [{"op": "add", "path": "/spec/selector/colour", "value": "green"}], "slipway-traffic")
    with pytest.raises(ApiError) as refused:
        hands.apply(service(app="web"))
    expected = 'Apply failed with 1 conflict: conflict with "slipway-traffic" using v1: .spec.selector'
    assert refused.value.message == expected


def test_adopting_an_entry_lets_the_next_apply_remove_its_fields(hands: Hands) -> None:
    hands.apply(config_map(a="1"))
    live = hands.patch(config_map(), {"data": {"extra": "1"}}, "kubectl-edit")
    assert hands.apply(config_map(a="1"))["data"] == {"a": "1", "extra": "1"}
    mine = next(each for each in live["metadata"]["managedFields"] if each["manager"] == "slipway")
    adopted = {**mine, "fieldsV1": {"f:data": {"f:a": {}, "f:extra": {}}}}
    patched = hands.json_patch(
        config_map(),
        [
            {"op": "replace", "path": "/metadata/managedFields", "value": [adopted]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        ],
    )
    assert managers(patched) == {"slipway": "Apply"}
    assert hands.apply(config_map(a="1"))["data"] == {"a": "1"}


def test_an_object_nobody_kept_book_of_belongs_to_its_past(hands: Hands) -> None:
    hands.create(config_map(a="1", b="2"))
    hands.patch(config_map(), {"metadata": {"managedFields": [{}]}}, "kubectl")
    assert managers(hands.apply(config_map(a="1"))) == {"slipway": "Apply", "before-first-apply": "Update"}


def test_status_and_specification_have_their_own_entries(hands: Hands) -> None:
    hands.apply(deployment())
    status = {**copy.deepcopy(hands.get(deployment())), "status": {"replicas": 3, "observedGeneration": 1}}
    status["spec"]["replicas"] = 99
    found = hands.put(status, "kube-controller-manager", subresource="status")
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
def test_an_apply_to_another_object_is_refused(hands: Hands, metadata: dict, code: int, words: str) -> None:
    hands.apply(config_map(a="1"))
    sent = config_map(a="2")
    sent["metadata"] = {**sent["metadata"], **metadata}
    kind = hands.kind(sent)
    with pytest.raises(ApiError, match=words) as refused:
        hands.api.apply(kind, "shop", "settings", sent, Options("slipway"))
    assert refused.value.code == code


def test_a_uid_of_an_object_that_is_gone_is_a_conflict_but_a_version_recreates(hands: Hands) -> None:
    gone = hands.apply(config_map(a="1"))["metadata"]
    hands.delete(config_map())
    sent = config_map(a="1")
    sent["metadata"] |= {"uid": gone["uid"], "resourceVersion": gone["resourceVersion"]}
    with pytest.raises(ApiError, match="uid mismatch"):
        hands.apply(sent)
    del sent["metadata"]["uid"]
    assert hands.apply(sent)["metadata"]["uid"] != gone["uid"]


TYPES = [
    ({"replica": 1}, ".spec.replica: field not declared in schema"),
    ({"replicas": "3"}, ".spec.replicas: expected numeric (int or float), got string"),
    ({"paused": "x"}, ".spec.paused: expected boolean, got &{x}"),
]


@pytest.mark.parametrize(("spec", "words"), TYPES, ids=[row[1] for row in TYPES])
def test_a_body_that_does_not_fit_is_500_without_a_reason(hands: Hands, spec: dict, words: str) -> None:
    manifest = deployment()
    manifest["spec"] |= spec
    with pytest.raises(ApiError) as refused:
        hands.apply(manifest)
    assert refused.value.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"failed to create typed patch object (/web; apps/v1, Kind=Deployment): {words}",
        "code": 500,
    }


def test_a_key_twice_is_refused(hands: Hands) -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] *= 2
    words = r'containers\[name="web"\]\.env: duplicate entries for key \[name="A"\]'
    with pytest.raises(ApiError, match=words):
        hands.apply(manifest)


def test_a_dry_run_stores_nothing(hands: Hands) -> None:
    hands.apply(deployment())
    before = hands.get(deployment())
    after = hands.apply(deployment(image="shop/web:2"), dry_run=True)
    assert image(after) == "shop/web:2"
    assert after["metadata"]["generation"] == 2
    assert hands.get(deployment()) is before
    created = hands.apply(deployment("new"), dry_run=True)
    assert "resourceVersion" not in created["metadata"]
    with pytest.raises(ApiError, match="not found"):
        hands.get(deployment("new"))
