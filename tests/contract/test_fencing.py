"""Stale writers: kubernetes-verified, section 7, and what the product makes of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from environments.kube.api.client import Guard
from environments.kube.api.errors import BeingDeleted, Fenced, Forbidden, Rejected, Stale
from environments.kube.apply.guards import ABSENT, guard_of
from environments.kube.apply.prune import prune_object
from environments.kube.apply.server_side_apply import apply_object, sequence_of, set_replicas
from environments.kube.names import SEQUENCE
from environments.kube.objects import Ref
from tests.contract.namespace import JSON_PATCH, ContractNamespace
from tests.contract.objects import Manifest, annotated, config_map, deployment

TRACKING = "slipway.dev/tracking"


def settings_ref(ns: ContractNamespace) -> Ref:
    return ns.ref("ConfigMap", "settings", "v1")


def changed_since_read(ns: ContractNamespace) -> Manifest:
    """The object as a stale worker read it, before somebody else wrote."""
    read = ns.apply(config_map(mode="old")).object
    ns.apply(config_map(mode="new"))
    return read


def deleted_since_read(ns: ContractNamespace) -> Manifest:
    read = ns.apply(config_map(mode="old")).object
    ns.gateway.delete(settings_ref(ns))
    return read


def version_of(obj: Manifest) -> Guard:
    return Guard("", obj["metadata"]["resourceVersion"])


def test_an_old_version_is_refused_without_naming_fields(ns: ContractNamespace) -> None:
    read = changed_since_read(ns)
    with pytest.raises(Stale) as raised:
        ns.apply(config_map(mode="stale"), guard=version_of(read), force=True)
    assert (raised.value.status, raised.value.causes) == (409, ())


def test_a_version_alone_recreates_what_was_deleted(ns: ContractNamespace) -> None:
    read = deleted_since_read(ns)
    assert ns.apply(config_map(mode="stale"), guard=version_of(read)).created


@pytest.mark.parametrize("before", [changed_since_read, deleted_since_read], ids=lambda each: each.__name__)
def test_version_and_uid_together_refuse_always(ns: ContractNamespace, before) -> None:
    read = before(ns)
    with pytest.raises(Stale) as raised:
        ns.apply(config_map(mode="stale"), guard=guard_of(read), force=True)
    assert raised.value.status == 409


def race(ns: ContractNamespace, write, racers: int = 3) -> list[str]:
    with ThreadPoolExecutor(racers) as pool:
        return sorted(pool.map(lambda number: outcome(write, number), range(racers)))


def outcome(write, number: int) -> str:
    try:
        write(number)
    except (Stale, Rejected) as error:
        return str(error.status)
    return "200"


@pytest.mark.parametrize("turn", range(5))
def test_of_three_racers_with_one_observation_one_wins(ns: ContractNamespace, turn: int) -> None:
    guard = guard_of(ns.apply(config_map(mode="read")).object)
    assert race(ns, lambda number: write(ns, number, guard)) == ["200", "409", "409"]


def test_of_three_creators_one_wins(ns: ContractNamespace) -> None:
    assert race(ns, lambda number: write(ns, number, ABSENT)) == ["200", "409", "409"]


def write(ns: ContractNamespace, number: int, guard: Guard) -> None:
    ns.apply(config_map(mode=f"by {number}"), guard=guard, force=True)


def test_a_json_patch_with_a_test_lets_one_racer_through_and_makes_an_update_entry(ns: ContractNamespace) -> None:
    ns.apply(annotated(config_map(), **{SEQUENCE: "1"}))
    path = "/metadata/annotations/slipway.dev~1sequence"

    def write(number: int) -> None:
        operations = [{"op": "test", "path": path, "value": "1"}, {"op": "replace", "path": path, "value": "2"}]
        ns.gateway.json_patch(settings_ref(ns), operations)

    assert race(ns, write) == ["200", "422", "422"]
    entries = ns.found(settings_ref(ns))["metadata"]["managedFields"]
    assert {(each["manager"], each["operation"]) for each in entries} >= {("slipway", "Update")}


def put(ns: ContractNamespace, obj: Manifest, mode: str) -> int:
    body = {**obj, "data": {"mode": mode}}
    return ns.gateway.raw("PUT", ns.gateway.path(settings_ref(ns)), body=body).status


def test_a_put_with_an_old_version_is_refused_and_without_one_it_is_not(ns: ContractNamespace) -> None:
    read = changed_since_read(ns)
    assert put(ns, read, "stale") == 409
    unconditional = {**read, "metadata": {"name": "settings", "namespace": ns.name}}
    assert put(ns, unconditional, "put") == 200


def test_a_lease_guards_itself_only(ns: ContractNamespace) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lock"}}
    first = ns.apply({**lease, "spec": {"holderIdentity": "one"}}).object
    ns.apply({**lease, "spec": {"holderIdentity": "two"}}, force=True)
    with pytest.raises(Stale):
        ns.apply({**lease, "spec": {"holderIdentity": "one"}}, guard=guard_of(first), force=True)
    assert ns.apply(config_map(mode="by one")).created


def fence_policy(ns: ContractNamespace) -> list[Manifest]:
    """A ValidatingAdmissionPolicy that refuses a lower number than the old object's, in this namespace."""
    api, name = "admissionregistration.k8s.io/v1", f"fence-{ns.name}"
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
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    return [
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    ]


def numbered(number: int) -> Manifest:
    return annotated(config_map(mode=str(number)), **{SEQUENCE: str(number)})


def test_a_policy_on_the_number_refuses_even_a_forced_apply(ns: ContractNamespace) -> None:
    for manifest in fence_policy(ns):
        ns.gateway.apply(manifest, manager="admin")
        ns.afterwards_delete(Ref(manifest["apiVersion"], manifest["kind"], "", manifest["metadata"]["name"]))
    ns.apply(numbered(5))

    def refusal() -> Forbidden | None:
        try:
            ns.apply(numbered(4), force=True)
        except Forbidden as error:
            return error
        ns.apply(numbered(5))
        return None

    error = ns.until(refusal)
    assert (error.status, error.reason) == (403, "Forbidden")
    assert "a newer rollout has written here" in error.words
    assert ns.apply(numbered(6)).object["data"] == {"mode": "6"}


class TestProduct:
    def test_an_older_rollout_is_fenced_from_what_a_newer_wrote(self, ns: ContractNamespace) -> None:
        apply_object(ns.gateway, ns.here(config_map(mode="7")), sequence=7)
        with pytest.raises(Fenced) as raised:
            apply_object(ns.gateway, ns.here(config_map(mode="6")), sequence=6)
        assert "rollout number 7" in raised.value.words
        assert ns.found(settings_ref(ns))["data"] == {"mode": "7"}

    def test_neither_may_it_scale(self, ns: ContractNamespace) -> None:
        apply_object(ns.gateway, ns.here(deployment(replicas=1)), sequence=7)
        with pytest.raises(Fenced):
            set_replicas(ns.gateway, ns.here(deployment()), 3, sequence=6)
        assert ns.replicas() == 1

    def test_a_change_between_reading_and_writing_is_read_again(self, ns: ContractNamespace, monkeypatch) -> None:
        manifest = ns.here(config_map(mode="ours"))
        apply_object(ns.gateway, manifest, sequence=1)
        real = ns.gateway.get
        meddling = iter(range(2))

        def get(ref: Ref) -> Manifest | None:
            live = real(ref)
            if next(meddling, None) is not None:
                body = [{"op": "add", "path": "/data/theirs", "value": str(live["metadata"]["resourceVersion"])}]
                ns.done(ns.patch(ref, body, "kubectl-edit", form=JSON_PATCH))
            return live

        monkeypatch.setattr(ns.gateway, "get", get)
        applied = apply_object(ns.gateway, manifest, sequence=2)
        assert (sequence_of(applied.object), applied.created) == (2, False)

    def test_a_newer_rollout_between_reading_and_writing_fences(self, ns: ContractNamespace, monkeypatch) -> None:
        apply_object(ns.gateway, ns.here(config_map(mode="1")), sequence=1)
        real = ns.gateway.get
        newer = iter([9])

        def get(ref: Ref) -> Manifest | None:
            live = real(ref)
            if number := next(newer, None):
                ns.apply(annotated(config_map(mode="9"), **{SEQUENCE: str(number)}), force=True)
            return live

        monkeypatch.setattr(ns.gateway, "get", get)
        with pytest.raises(Fenced):
            apply_object(ns.gateway, ns.here(config_map(mode="2")), sequence=2)
        assert ns.found(settings_ref(ns))["data"] == {"mode": "9"}

    def test_an_object_on_its_way_out_is_not_written(self, ns: ContractNamespace) -> None:
        manifest = ns.here(config_map(mode="a"))
        manifest["metadata"]["finalizers"] = ["example.test/hold"]
        apply_object(ns.gateway, manifest, sequence=1)
        ns.gateway.delete(settings_ref(ns))
        with pytest.raises(BeingDeleted):
            apply_object(ns.gateway, manifest, sequence=2)
        ns.gateway.merge_patch(settings_ref(ns), {"metadata": {"finalizers": None}})
        ns.until(lambda: ns.live(settings_ref(ns)) is None)
        assert apply_object(ns.gateway, ns.here(config_map(mode="a")), sequence=2).created

    def test_pruning_goes_by_uid_and_by_the_tracking_annotation(self, ns: ContractNamespace) -> None:
        ref = settings_ref(ns)
        tracked = annotated(config_map(), **{TRACKING: "shop"})
        uid = ns.apply(tracked).object["metadata"]["uid"]
        assert not prune_object(ns.gateway, ref, "another", tracking=("shop",))
        assert not prune_object(ns.gateway, ref, uid, tracking=("a copy",))
        assert prune_object(ns.gateway, ref, uid, tracking=("shop",))
        assert not prune_object(ns.gateway, ref, uid, tracking=("shop",))
        ns.apply(tracked)
        assert not prune_object(ns.gateway, ref, uid, tracking=("shop",))
