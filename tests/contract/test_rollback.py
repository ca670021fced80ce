"""Rolling back by applying what was stored: kubernetes-verified, section 3."""

import copy
import json
from collections.abc import Callable
from typing import NamedTuple

import pytest

from environments.kube.api.errors import FieldConflict, Stale
from environments.kube.apply.ownership import adopt, adoption_patch, foreign_fields
from tests.contract.objects import Manifest, annotated, config_map, deployment
from tests.contract.space import JSON_PATCH, MERGE, Space, container_of, managers, without_counters

EXTRA = {"name": "EXTRA", "value": "1"}
FIRST = annotated(deployment(replicas=2, env={"A": "1", "GONE": "x"}), note="first")


def second() -> Manifest:
    """One variable fewer, a sidecar more, the annotation gone."""
    manifest = deployment(replicas=2, env={"A": "2"}, image="example.test/shop/web:2")
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "example.test/shop/side:1"})
    return manifest


def scale(space: Space) -> None:
    space.scale(5)


def set_image(space: Space) -> None:
    space.set_in_container(image="example.test/shop/web:hotfix")


def annotate_our_key(space: Space) -> None:
    body = {"metadata": {"annotations": {"note": "theirs"}}}
    space.done(space.patch(space.ref(), body, "kubectl-annotate", form=MERGE))


def set_env(space: Space) -> None:
    space.set_in_container(env=[{"name": "A", "value": "9"}, EXTRA])


def unset_env(space: Space) -> None:
    space.set_in_container(env=[{"name": "GONE", "$patch": "delete"}])


def restart(space: Space) -> None:
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-11-21T08:00:00Z"}
    body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    space.done(space.patch(space.ref(), body, "kubectl-rollout"))


def annotate(space: Space) -> None:
    body = {"metadata": {"annotations": {"owner": "ops"}}}
    space.done(space.patch(space.ref(), body, "kubectl-annotate", form=MERGE))


def label(space: Space) -> None:
    space.done(space.patch(space.ref(), {"metadata": {"labels": {"tier": "gold"}}}, "kubectl-label", form=MERGE))


def set_resources(space: Space) -> None:
    space.set_in_container(resources={"limits": {"cpu": "2"}})


def patch_in_a_sidecar(space: Space) -> None:
    containers = [{"name": "theirs", "image": "example.test/debug:1"}]
    space.done(space.patch(space.ref(), {"spec": {"template": {"spec": {"containers": containers}}}}, "kubectl-patch"))


class Row(NamedTuple):
    person: Callable[[Space], None]
    conflicts: bool
    stays: bool


ROWS = [
    Row(scale, conflicts=True, stays=False),
    Row(set_image, conflicts=True, stays=False),
    Row(annotate_our_key, conflicts=True, stays=False),
    Row(set_env, conflicts=True, stays=True),
    Row(unset_env, conflicts=False, stays=False),
    Row(restart, conflicts=False, stays=True),
    Row(annotate, conflicts=False, stays=True),
    Row(label, conflicts=False, stays=True),
    Row(set_resources, conflicts=False, stays=True),
    Row(patch_in_a_sidecar, conflicts=False, stays=True),
]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.person.__name__)


def wishes(space: Space) -> Manifest:
    return without_counters(space.found())


def test_back_to_the_first_version_is_the_first_version_to_the_last_field(space: Space) -> None:
    space.apply(FIRST)
    first = wishes(space)
    space.apply(second())
    assert [each["name"] for each in space.found()["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
    space.apply(FIRST)
    assert wishes(space) == first


def test_going_back_uses_the_old_replica_set_again(space: Space) -> None:
    def sets() -> list[Manifest]:
        return space.gateway.list("apps/v1", "ReplicaSet", space.name)

    space.apply(FIRST)
    space.until(lambda: len(sets()) == 1)
    old = sets()[0]["metadata"]["uid"]
    space.apply(second())
    space.until(lambda: len(sets()) == 2)
    space.apply(FIRST)
    space.until(lambda: any(each["metadata"]["uid"] == old and each["spec"]["replicas"] == 2 for each in sets()))
    assert len(sets()) == 2


@each_row
def test_an_unforced_apply_says_conflict_where_a_value_of_ours_was_changed(space: Space, row: Row) -> None:
    space.apply(FIRST)
    row.person(space)
    if row.conflicts:
        with pytest.raises(FieldConflict):
            space.apply(FIRST)
    else:
        space.apply(FIRST)


@each_row
def test_a_forced_apply_leaves_what_a_person_added(space: Space, row: Row) -> None:
    space.apply(FIRST)
    first = wishes(space)
    row.person(space)
    space.apply(FIRST, force=True)
    assert (wishes(space) != first) == row.stays


@each_row
def test_after_adoption_the_same_apply_restores_everything(space: Space, row: Row) -> None:
    space.apply(FIRST)
    first = wishes(space)
    row.person(space)
    generation = space.found()["metadata"]["generation"]
    adopt(space.gateway, space.ref())
    assert space.found()["metadata"]["generation"] == generation
    space.apply(FIRST, force=True)
    assert wishes(space) == first


def test_what_stays_is_told_with_its_manager(space: Space) -> None:
    space.apply(FIRST)
    set_env(space)
    told = {foreign.manager: foreign.fields for foreign in foreign_fields(space.found())}
    env = 'spec.template.spec.containers[name="web"].env'
    assert f'{env}[name="EXTRA"].value' in told["kubectl-set"]
    assert f'{env}[name="A"].value' in told["kubectl-set"]


def test_a_key_that_a_person_added_to_a_config_map_stays_until_it_is_adopted(space: Space) -> None:
    ref = space.ref("ConfigMap", "settings", "v1")
    space.apply(config_map(mode="fast"))
    space.done(space.patch(ref, {"data": {"theirs": "1"}}, "kubectl-edit", form=MERGE))
    space.apply(config_map(mode="fast"))
    assert space.found(ref)["data"] == {"mode": "fast", "theirs": "1"}
    assert adopt(space.gateway, ref) == ("kubectl-edit",)
    space.apply(config_map(mode="fast"))
    assert space.found(ref)["data"] == {"mode": "fast"}


def test_an_edit_that_took_our_sidecar_out_and_put_a_variable_in(space: Space) -> None:
    space.apply(second())
    edited = copy.deepcopy(space.found())
    del edited["metadata"]["resourceVersion"]
    containers = edited["spec"]["template"]["spec"]["containers"]
    containers[0]["env"].append(EXTRA)
    del containers[1]
    path = space.gateway.path(space.ref())
    space.done(space.gateway.raw("PUT", path, query=[("fieldManager", "kubectl-edit")], body=edited))
    space.apply(FIRST, force=True)
    live = space.found()
    assert [each["name"] for each in live["spec"]["template"]["spec"]["containers"]] == ["web"]
    assert EXTRA in container_of(live)["env"]


def undo(space: Space) -> None:
    """kubectl rollout undo: the template of the revision before."""
    sets = space.gateway.list("apps/v1", "ReplicaSet", space.name)
    old = min(sets, key=lambda each: int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))
    template = copy.deepcopy(old["spec"]["template"])
    del template["metadata"]["labels"]["pod-template-hash"]
    annotations = {"note": old["metadata"]["annotations"]["note"]}
    patch = [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]
    space.done(space.patch(space.ref(), patch, "kubectl", form=JSON_PATCH))


def two_versions_then_undo(space: Space) -> Manifest:
    def revisions() -> list[Manifest]:
        return space.gateway.list("apps/v1", "ReplicaSet", space.name)

    space.apply(FIRST)
    first = wishes(space)
    space.until(lambda: len(revisions()) == 1)
    space.apply(second())
    space.until(lambda: len(revisions()) == 2)
    undo(space)
    return first


def test_after_rollout_undo_the_first_version_is_back_but_the_next_keeps_what_kubectl_co_owns(space: Space) -> None:
    first = two_versions_then_undo(space)
    space.apply(FIRST)
    assert wishes(space) == first
    live = space.apply(second(), force=True).object
    assert {"name": "GONE", "value": "x"} in container_of(live)["env"]
    assert live["metadata"]["annotations"]["note"] == "first"


def test_after_rollout_undo_and_adoption_the_next_version_is_exact(space: Space) -> None:
    two_versions_then_undo(space)
    assert "kubectl" in adopt(space.gateway, space.ref())
    live = space.apply(second(), force=True).object
    assert [each["name"] for each in container_of(live)["env"]] == ["A"]
    assert "note" not in live["metadata"].get("annotations", {})


def kubectl_apply(space: Space, manifest: Manifest) -> None:
    last = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(manifest)}
    post(space, annotated(manifest, **last), "kubectl-client-side-apply")


def kubectl_apply_server_side(space: Space, manifest: Manifest) -> None:
    space.apply(manifest, "kubectl")


def helm_install(space: Space, manifest: Manifest) -> None:
    post(space, manifest, "helm")


def post(space: Space, manifest: Manifest, manager: str) -> None:
    collection = space.gateway.path(space.ref()).rpartition("/")[0]
    space.done(space.gateway.raw("POST", collection, query=[("fieldManager", manager)], body=space.here(manifest)))


@pytest.mark.parametrize(
    "install", [kubectl_apply, kubectl_apply_server_side, helm_install], ids=lambda each: each.__name__
)
def test_an_object_that_another_tool_created(space: Space, install: Callable[[Space, Manifest], None]) -> None:
    install(space, deployment(replicas=2, env={"A": "7", "EXTRA": "1"}))
    with pytest.raises(FieldConflict):
        space.apply(FIRST)
    live = space.apply(FIRST, force=True).object
    assert EXTRA in container_of(live)["env"]
    adopt(space.gateway, space.ref())
    live = space.apply(FIRST, force=True).object
    assert [each["name"] for each in container_of(live)["env"]] == ["A", "GONE"]
    assert "kubectl.kubernetes.io/last-applied-configuration" not in live["metadata"]["annotations"]


def test_an_adoption_of_a_version_that_has_changed_is_stale(space: Space) -> None:
    space.apply(config_map(mode="fast"))
    ref = space.ref("ConfigMap", "settings", "v1")
    space.done(space.patch(ref, {"data": {"theirs": "1"}}, "kubectl-edit", form=MERGE))
    patch, _ = adoption_patch(space.found(ref))
    space.done(space.patch(ref, {"data": {"theirs": "2"}}, "kubectl-edit", form=MERGE))
    with pytest.raises(Stale):
        space.gateway.json_patch(ref, patch)


def test_adoption_leaves_one_entry_of_ours(space: Space) -> None:
    space.apply(FIRST)
    set_env(space)
    annotate(space)
    assert set(adopt(space.gateway, space.ref())) == {"kubectl-set", "kubectl-annotate"}
    ours = {manager for manager in managers(space.found()) if manager.startswith(("slipway", "kubectl"))}
    assert ours == {"slipway"}
    assert adopt(space.gateway, space.ref()) == ()
