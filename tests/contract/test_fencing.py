"""Stale writers: kubernetes-verified, section 7, and what the product makes of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from environments.kube.api.client import Guard
from environments.kube.api.errors import BeingDeleted, Fenced, Forbidden, Rejected, Stale
from environments.kube.apply.prune import prune_object
from environments.kube.apply.server_side_apply import ABSENT, apply_object, guard_of, sequence_of, set_replicas
from environments.kube.names import SEQUENCE
from environments.kube.objects import Ref
from tests.contract.objects import Manifest, annotated, config_map, deployment
from tests.contract.space import JSON_PATCH, Space

TRACKING = "slipway.dev/tracking"


def settings_ref(space: Space) -> Ref:
    return space.ref("ConfigMap", "settings", "v1")


def changed_since_read(space: Space) -> Manifest:
    """The object as a stale worker read it, before somebody else wrote."""
    read = space.apply(config_map(mode="old")).object
    space.apply(config_map(mode="new"))
    return read


def deleted_since_read(space: Space) -> Manifest:
    read = space.apply(config_map(mode="old")).object
    space.gateway.delete(settings_ref(space))
    return read


def version_of(obj: Manifest) -> Guard:
    return Guard("", obj["metadata"]["resourceVersion"])


def test_an_old_version_is_refused_without_naming_fields(space: Space) -> None:
    read = changed_since_read(space)
    with pytest.raises(Stale) as raised:
        space.apply(config_map(mode="stale"), guard=version_of(read), force=True)
    assert (raised.value.status, raised.value.causes) == (409, ())


def test_a_version_alone_recreates_what_was_deleted(space: Space) -> None:
    read = deleted_since_read(space)
    assert space.apply(config_map(mode="stale"), guard=version_of(read)).created


@pytest.mark.parametrize("before", [changed_since_read, deleted_since_read], ids=lambda each: each.__name__)
def test_version_and_uid_together_refuse_always(space: Space, before) -> None:
    read = before(space)
    with pytest.raises(Stale) as raised:
        space.apply(config_map(mode="stale"), guard=guard_of(read), force=True)
    assert raised.value.status == 409


def race(space: Space, write, racers: int = 3) -> list[str]:
    with ThreadPoolExecutor(racers) as pool:
        return sorted(pool.map(lambda number: outcome(write, number), range(racers)))


def outcome(write, number: int) -> str:
    try:
        write(number)
    except (Stale, Rejected) as error:
        return str(error.status)
    return "200"


@pytest.mark.parametrize("turn", range(5))
def test_of_three_racers_with_one_observation_one_wins(space: Space, turn: int) -> None:
    guard = guard_of(space.apply(config_map(mode="read")).object)
    assert race(space, lambda number: write(space, number, guard)) == ["200", "409", "409"]


def test_of_three_creators_one_wins(space: Space) -> None:
    assert race(space, lambda number: write(space, number, ABSENT)) == ["200", "409", "409"]


def write(space: Space, number: int, guard: Guard) -> None:
    space.apply(config_map(mode=f"by {number}"), guard=guard, force=True)


def test_a_json_patch_with_a_test_lets_one_racer_through_and_makes_an_update_entry(space: Space) -> None:
    space.apply(annotated(config_map(), **{SEQUENCE: "1"}))
    path = "/metadata/annotations/slipway.dev~1sequence"

    def write(number: int) -> None:
        operations = [{"op": "test", "path": path, "value": "1"}, {"op": "replace", "path": path, "value": "2"}]
        space.gateway.json_patch(settings_ref(space), operations)

    assert race(space, write) == ["200", "422", "422"]
    entries = space.found(settings_ref(space))["metadata"]["managedFields"]
    assert {(each["manager"], each["operation"]) for each in entries} >= {("slipway", "Update")}


def put(space: Space, obj: Manifest, mode: str) -> int:
    body = {**obj, "data": {"mode": mode}}
    return space.gateway.raw("PUT", space.gateway.path(settings_ref(space)), body=body).status


def test_a_put_with_an_old_version_is_refused_and_without_one_it_is_not(space: Space) -> None:
    read = changed_since_read(space)
    assert put(space, read, "stale") == 409
    unconditional = {**read, "metadata": {"name": "settings", "namespace": space.name}}
    assert put(space, unconditional, "put") == 200


def test_a_lease_guards_itself_only(space: Space) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lock"}}
    first = space.apply({**lease, "spec": {"holderIdentity": "one"}}).object
    space.apply({**lease, "spec": {"holderIdentity": "two"}}, force=True)
    with pytest.raises(Stale):
        space.apply({**lease, "spec": {"holderIdentity": "one"}}, guard=guard_of(first), force=True)
    assert space.apply(config_map(mode="by one")).created


def fence_policy(space: Space) -> list[Manifest]:
    """A ValidatingAdmissionPolicy that refuses a lower number than the old object's, in this namespace."""
    api, name = "admissionregistration.k8s.io/v1", f"fence-{space.name}"
    number = "int({}.metadata.annotations['slipway.dev/sequence'])"
    has = "has({0}.metadata.annotations) && 'slipway.dev/sequence' in {0}.metadata.annotations"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "numbered", "expression": f"{has.format('oldObject')} && {has.format('object')}"}],
        "validations": [
            {
                "expression": f"{number.format('object')} >= {number.format('oldObject')}",
                "message": "a newer rollout has written here",
                "reason": "Forbidden",
            }
        ],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    return [
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    ]


def numbered(number: int) -> Manifest:
    return annotated(config_map(mode=str(number)), **{SEQUENCE: str(number)})


def test_a_policy_on_the_number_refuses_even_a_forced_apply(space: Space) -> None:
    for manifest in fence_policy(space):
        space.gateway.apply(manifest, manager="admin")
        space.afterwards_delete(Ref(manifest["apiVersion"], manifest["kind"], "", manifest["metadata"]["name"]))
    space.apply(numbered(5))

    def refusal() -> Forbidden | None:
        try:
            space.apply(numbered(4), force=True)
        except Forbidden as error:
            return error
        space.apply(numbered(5))
        return None

    error = space.until(refusal)
    assert (error.status, error.reason) == (403, "Forbidden")
    assert "a newer rollout has written here" in error.words
    assert space.apply(numbered(6)).object["data"] == {"mode": "6"}


class TestProduct:
    def test_an_older_rollout_is_fenced_from_what_a_newer_wrote(self, space: Space) -> None:
        apply_object(space.gateway, space.here(config_map(mode="7")), sequence=7)
        with pytest.raises(Fenced) as raised:
            apply_object(space.gateway, space.here(config_map(mode="6")), sequence=6)
        assert "rollout number 7" in raised.value.words
        assert space.found(settings_ref(space))["data"] == {"mode": "7"}

    def test_neither_may_it_scale(self, space: Space) -> None:
        apply_object(space.gateway, space.here(deployment(replicas=1)), sequence=7)
        with pytest.raises(Fenced):
            set_replicas(space.gateway, space.here(deployment()), 3, sequence=6)
        assert space.replicas() == 1

    def test_a_change_between_reading_and_writing_is_read_again(self, space: Space, monkeypatch) -> None:
        manifest = space.here(config_map(mode="ours"))
        apply_object(space.gateway, manifest, sequence=1)
        real = space.gateway.get
        meddling = iter(range(2))

        def get(ref: Ref) -> Manifest | None:
            live = real(ref)
            if next(meddling, None) is not None:
                body = [{"op": "add", "path": "/data/theirs", "value": str(live["metadata"]["resourceVersion"])}]
                space.done(space.patch(ref, body, "kubectl-edit", form=JSON_PATCH))
            return live

        monkeypatch.setattr(space.gateway, "get", get)
        applied = apply_object(space.gateway, manifest, sequence=2)
        assert (sequence_of(applied.object), applied.created) == (2, False)

    def test_a_newer_rollout_between_reading_and_writing_fences(self, space: Space, monkeypatch) -> None:
        apply_object(space.gateway, space.here(config_map(mode="1")), sequence=1)
        real = space.gateway.get
        newer = iter([9])

        def get(ref: Ref) -> Manifest | None:
            live = real(ref)
            if number := next(newer, None):
                space.apply(annotated(config_map(mode="9"), **{SEQUENCE: str(number)}), force=True)
            return live

        monkeypatch.setattr(space.gateway, "get", get)
        with pytest.raises(Fenced):
            apply_object(space.gateway, space.here(config_map(mode="2")), sequence=2)
        assert space.found(settings_ref(space))["data"] == {"mode": "9"}

    def test_an_object_on_its_way_out_is_not_written(self, space: Space) -> None:
        manifest = space.here(config_map(mode="a"))
        manifest["metadata"]["finalizers"] = ["example.test/hold"]
        apply_object(space.gateway, manifest, sequence=1)
        space.gateway.delete(settings_ref(space))
        with pytest.raises(BeingDeleted):
            apply_object(space.gateway, manifest, sequence=2)
        space.gateway.merge_patch(settings_ref(space), {"metadata": {"finalizers": None}})
        space.until(lambda: space.live(settings_ref(space)) is None)
        assert apply_object(space.gateway, space.here(config_map(mode="a")), sequence=2).created

    def test_pruning_goes_by_uid_and_by_the_tracking_annotation(self, space: Space) -> None:
        ref = settings_ref(space)
        tracked = annotated(config_map(), **{TRACKING: "shop"})
        uid = space.apply(tracked).object["metadata"]["uid"]
        assert not prune_object(space.gateway, ref, "another", tracking="shop")
        assert not prune_object(space.gateway, ref, uid, tracking="a copy")
        assert prune_object(space.gateway, ref, uid, tracking="shop")
        assert not prune_object(space.gateway, ref, uid, tracking="shop")
        space.apply(tracked)
        assert not prune_object(space.gateway, ref, uid, tracking="shop")
