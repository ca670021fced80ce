"""Rolling back by applying what was stored: kubernetes-verified, section 3."""

import copy
import json
from collections.abc import Callable
from typing import NamedTuple

import pytest

from environments.kube.api.errors import FieldConflict, Stale
from environments.kube.apply.ownership import adopt, adoption_patch, foreign_fields
from tests.contract.namespace import JSON_PATCH, MERGE, ContractNamespace, container_of, managers, without_counters
from tests.contract.objects import Manifest, annotated, config_map, deployment

EXTRA = {"name": "EXTRA", "value": "1"}
FIRST = annotated(deployment(replicas=2, env={"A": "1", "GONE": "x"}), note="first")


def second() -> Manifest:
    """One variable fewer, a sidecar more, the annotation gone."""
    manifest = deployment(replicas=2, env={"A": "2"}, image="example.test/shop/web:2")
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "example.test/shop/side:1"})
    return manifest


def scale(ns: ContractNamespace) -> None:
    ns.scale(5)


def set_image(ns: ContractNamespace) -> None:
    ns.set_in_container(image="example.test/shop/web:hotfix")


def annotate_our_key(ns: ContractNamespace) -> None:
    body = {"metadata": {"annotations": {"note": "theirs"}}}
    ns.done(ns.patch(ns.ref(), body, "kubectl-annotate", form=MERGE))


def set_env(ns: ContractNamespace) -> None:
    ns.set_in_container(env=[{"name": "A", "value": "9"}, EXTRA])


def unset_env(ns: ContractNamespace) -> None:
    ns.set_in_container(env=[{"name": "GONE", "$patch": "delete"}])


def restart(ns: ContractNamespace) -> None:
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-11-21T08:00:00Z"}
    body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    ns.done(ns.patch(ns.ref(), body, "kubectl-rollout"))


def annotate(ns: ContractNamespace) -> None:
    body = {"metadata": {"annotations": {"owner": "ops"}}}
    ns.done(ns.patch(ns.ref(), body, "kubectl-annotate", form=MERGE))


def label(ns: ContractNamespace) -> None:
    ns.done(ns.patch(ns.ref(), {"metadata": {"labels": {"tier": "gold"}}}, "kubectl-label", form=MERGE))


def set_resources(ns: ContractNamespace) -> None:
    ns.set_in_container(resources={"limits": {"cpu": "2"}})


def patch_in_a_sidecar(ns: ContractNamespace) -> None:
    containers = [{"name": "theirs", "image": "example.test/debug:1"}]
    ns.done(ns.patch(ns.ref(), {"spec": {"template": {"spec": {"containers": containers}}}}, "kubectl-patch"))


class Row(NamedTuple):
    person: Callable[[ContractNamespace], None]
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


def wishes(ns: ContractNamespace) -> Manifest:
    return without_counters(ns.found())


def test_back_to_the_first_version_is_the_first_version_to_the_last_field(ns: ContractNamespace) -> None:
    ns.apply(FIRST)
    first = wishes(ns)
    ns.apply(second())
    assert [each["name"] for each in ns.found()["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
    ns.apply(FIRST)
    assert wishes(ns) == first


def test_going_back_uses_the_old_replica_set_again(ns: ContractNamespace) -> None:
    def sets() -> list[Manifest]:
        return ns.gateway.list("apps/v1", "ReplicaSet", ns.name)

    ns.apply(FIRST)
    ns.until(lambda: len(sets()) == 1)
    old = sets()[0]["metadata"]["uid"]
    ns.apply(second())
    ns.until(lambda: len(sets()) == 2)
    ns.apply(FIRST)
    ns.until(lambda: any(each["metadata"]["uid"] == old and each["spec"]["replicas"] == 2 for each in sets()))
    assert len(sets()) == 2


@each_row
def test_an_unforced_apply_says_conflict_where_a_value_of_ours_was_changed(ns: ContractNamespace, row: Row) -> None:
    ns.apply(FIRST)
    row.person(ns)
    if row.conflicts:
        with pytest.raises(FieldConflict):
            ns.apply(FIRST)
    else:
        ns.apply(FIRST)


@each_row
def test_a_forced_apply_leaves_what_a_person_added(ns: ContractNamespace, row: Row) -> None:
    ns.apply(FIRST)
    first = wishes(ns)
    row.person(ns)
    ns.apply(FIRST, force=True)
    assert (wishes(ns) != first) == row.stays


@each_row
def test_after_adoption_the_same_apply_restores_everything(ns: ContractNamespace, row: Row) -> None:
    ns.apply(FIRST)
    first = wishes(ns)
    row.person(ns)
    generation = ns.found()["metadata"]["generation"]
    adopt(ns.gateway, ns.ref())
    assert ns.found()["metadata"]["generation"] == generation
    ns.apply(FIRST, force=True)
    assert wishes(ns) == first


def test_what_stays_is_told_with_its_manager(ns: ContractNamespace) -> None:
    ns.apply(FIRST)
    set_env(ns)
    told = {foreign.manager: foreign.fields for foreign in foreign_fields(ns.found())}
    env = 'spec.template.spec.containers[name="web"].env'
    assert f'{env}[name="EXTRA"].value' in told["kubectl-set"]
    assert f'{env}[name="A"].value' in told["kubectl-set"]


def test_a_key_that_a_person_added_to_a_config_map_stays_until_it_is_adopted(ns: ContractNamespace) -> None:
    ref = ns.ref("ConfigMap", "settings", "v1")
    ns.apply(config_map(mode="fast"))
    ns.done(ns.patch(ref, {"data": {"theirs": "1"}}, "kubectl-edit", form=MERGE))
    ns.apply(config_map(mode="fast"))
    assert ns.found(ref)["data"] == {"mode": "fast", "theirs": "1"}
    assert adopt(ns.gateway, ref) == ("kubectl-edit",)
    ns.apply(config_map(mode="fast"))
    assert ns.found(ref)["data"] == {"mode": "fast"}


def test_an_edit_that_took_our_sidecar_out_and_put_a_variable_in(ns: ContractNamespace) -> None:
    ns.apply(second())
    edited = copy.deepcopy(ns.found())
    del edited["metadata"]["resourceVersion"]
    containers = edited["spec"]["template"]["spec"]["containers"]
    containers[0]["env"].append(EXTRA)
    del containers[1]
    path = ns.gateway.path(ns.ref())
    ns.done(ns.gateway.raw("PUT", path, query=[("fieldManager", "kubectl-edit")], body=edited))
    ns.apply(FIRST, force=True)
    live = ns.found()
    assert [each["name"] for each in live["spec"]["template"]["spec"]["containers"]] == ["web"]
    assert EXTRA in container_of(live)["env"]


def undo(ns: ContractNamespace) -> None:
    """kubectl rollout undo: the template of the revision before."""
    sets = ns.gateway.list("apps/v1", "ReplicaSet", ns.name)
    old = min(sets, key=lambda each: int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))
    template = copy.deepcopy(old["spec"]["template"])
    del template["metadata"]["labels"]["pod-template-hash"]
    annotations = {"note": old["metadata"]["annotations"]["note"]}
    patch = [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]
    ns.done(ns.patch(ns.ref(), patch, "kubectl", form=JSON_PATCH))


def two_versions_then_undo(ns: ContractNamespace) -> Manifest:
    def revisions() -> list[Manifest]:
        return ns.gateway.list("apps/v1", "ReplicaSet", ns.name)

    ns.apply(FIRST)
    first = wishes(ns)
    ns.until(lambda: len(revisions()) == 1)
    ns.apply(second())
    ns.until(lambda: len(revisions()) == 2)
    undo(ns)
    return first


def test_after_rollout_undo_the_first_version_is_back_but_the_next_keeps_what_kubectl_co_owns(
    ns: ContractNamespace,
) -> None:
    first = two_versions_then_undo(ns)
    ns.apply(FIRST)
    assert wishes(ns) == first
    live = ns.apply(second(), force=True).object
    assert {"name": "GONE", "value": "x"} in container_of(live)["env"]
    assert live["metadata"]["annotations"]["note"] == "first"


def test_after_rollout_undo_and_adoption_the_next_version_is_exact(ns: ContractNamespace) -> None:
    two_versions_then_undo(ns)
    assert "kubectl" in adopt(ns.gateway, ns.ref())
    live = ns.apply(second(), force=True).object
    assert [each["name"] for each in container_of(live)["env"]] == ["A"]
    assert "note" not in live["metadata"].get("annotations", {})


def kubectl_apply(ns: ContractNamespace, manifest: Manifest) -> None:
    last = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(manifest)}
    post(ns, annotated(manifest, **last), "kubectl-client-side-apply")


def kubectl_apply_server_side(ns: ContractNamespace, manifest: Manifest) -> None:
    ns.apply(manifest, "kubectl")


def helm_install(ns: ContractNamespace, manifest: Manifest) -> None:
    post(ns, manifest, "helm")


def post(ns: ContractNamespace, manifest: Manifest, manager: str) -> None:
    collection = ns.gateway.path(ns.ref()).rpartition("/")[0]
    ns.done(ns.gateway.raw("POST", collection, query=[("fieldManager", manager)], body=ns.here(manifest)))


@pytest.mark.parametrize(
    "install", [kubectl_apply, kubectl_apply_server_side, helm_install], ids=lambda each: each.__name__
)
def test_an_object_that_another_tool_created(
    ns: ContractNamespace, install: Callable[[ContractNamespace, Manifest], None]
) -> None:
    install(ns, deployment(replicas=2, env={"A": "7", "EXTRA": "1"}))
    with pytest.raises(FieldConflict):
        ns.apply(FIRST)
    live = ns.apply(FIRST, force=True).object
    assert EXTRA in container_of(live)["env"]
    adopt(ns.gateway, ns.ref())
    live = ns.apply(FIRST, force=True).object
    assert [each["name"] for each in container_of(live)["env"]] == ["A", "GONE"]
    assert "kubectl.kubernetes.io/last-applied-configuration" not in live["metadata"]["annotations"]


def test_an_adoption_of_a_version_that_has_changed_is_stale(ns: ContractNamespace) -> None:
    ns.apply(config_map(mode="fast"))
    ref = ns.ref("ConfigMap", "settings", "v1")
    ns.done(ns.patch(ref, {"data": {"theirs": "1"}}, "kubectl-edit", form=MERGE))
    patch, _ = adoption_patch(ns.found(ref))
    ns.done(ns.patch(ref, {"data": {"theirs": "2"}}, "kubectl-edit", form=MERGE))
    with pytest.raises(Stale):
        ns.gateway.json_patch(ref, patch)


def test_adoption_leaves_one_entry_of_ours(ns: ContractNamespace) -> None:
    ns.apply(FIRST)
    set_env(ns)
    annotate(ns)
    assert set(adopt(ns.gateway, ns.ref())) == {"kubectl-set", "kubectl-annotate"}
    ours = {manager for manager in managers(ns.found()) if manager.startswith(("slipway", "kubectl"))}
    assert ours == {"slipway"}
    assert adopt(ns.gateway, ns.ref()) == ()
