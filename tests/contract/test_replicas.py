"""Who has the replicas: kubernetes-verified, section 2, and what the product makes of it."""

import json

import pytest

from environments.kube.api.errors import FieldConflict
from environments.kube.apply.managers import REPLICAS
from environments.kube.apply.ownership import owns
from environments.kube.apply.server_side_apply import apply_object
from tests.contract.namespace import APPLY, MERGE, ContractNamespace, managers, written
from tests.contract.objects import autoscaler, deployment, replicas_only

SCALE = "slipway-scale"


def start_autoscaler(ns: ContractNamespace, minimum: int) -> None:
    """An HPA that has looked at the Deployment and brought it to its minimum."""
    ns.apply(autoscaler(minimum))
    hpa = ns.ref("HorizontalPodAutoscaler", api_version="autoscaling/v2")
    ns.until(lambda: ns.found(hpa).get("status", {}).get("conditions"))
    ns.until(lambda: ns.replicas() >= minimum)


def drop(ns: ContractNamespace, *, force: bool = False) -> int:
    """Leaves replicas out of our apply; the number after it."""
    return ns.apply(deployment(), force=force).object["spec"]["replicas"]


def nobody_else(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=3))


def second_manager_applied_three(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=3))
    ns.apply(replicas_only(3), SCALE)


def scale_patched_with_the_same_value(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=3))
    ns.scale(3)


def scale_applied_by_a_second_manager(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=3))
    body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 3}}
    body["metadata"] = {"name": "web", "namespace": ns.name}
    ns.done(ns.patch(ns.ref(), json.dumps(body), SCALE, form=APPLY, subresource="scale"))


def person_scaled_to_five(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=3))
    ns.scale(5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (nobody_else, 1),
        (second_manager_applied_three, 3),
        (scale_patched_with_the_same_value, 1),
        (scale_applied_by_a_second_manager, 3),
        (person_scaled_to_five, 5),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_leaving_replicas_out_ends_at(ns: ContractNamespace, before, after) -> None:
    before(ns)
    assert drop(ns) == after


def test_created_without_replicas_there_is_one(ns: ContractNamespace) -> None:
    assert ns.apply(deployment()).object["spec"]["replicas"] == 1


def test_an_autoscaler_that_has_written_keeps_its_number_when_we_drop_ours(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=2))
    start_autoscaler(ns, 4)
    assert not owns(ns.found(), "slipway", REPLICAS)
    assert drop(ns) == 4


def test_an_autoscaler_that_only_agreed_loses_its_number_and_brings_it_back(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=4))
    start_autoscaler(ns, 4)
    assert drop(ns) == 1
    ns.until(lambda: ns.replicas() == 4)


def test_an_autoscalers_write_takes_the_field_from_the_second_manager(ns: ContractNamespace) -> None:
    second_manager_applied_three(ns)
    drop(ns)
    start_autoscaler(ns, 4)
    assert SCALE not in managers(ns.found())
    assert drop(ns) == 4


def test_a_forced_number_under_an_autoscaler_lasts_one_of_its_periods(ns: ContractNamespace) -> None:
    ns.apply(deployment())
    start_autoscaler(ns, 4)
    assert ns.apply(deployment(replicas=2), force=True).object["spec"]["replicas"] == 2
    ns.until(lambda: ns.replicas() == 4)


def test_a_persons_scale_is_told_to_the_second_manager(ns: ContractNamespace) -> None:
    second_manager_applied_three(ns)
    drop(ns)
    ns.scale(5)
    with pytest.raises(FieldConflict) as raised:
        ns.apply(replicas_only(3), SCALE)
    assert [(cause.manager, cause.field) for cause in raised.value.causes] == [("kubectl", "spec.replicas")]


def test_the_scale_subresource_tells_wanted_and_found_replicas(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=2))
    answer = ns.done(ns.gateway.raw("GET", f"{ns.gateway.path(ns.ref())}/scale"))
    assert (answer["apiVersion"], answer["kind"], answer["spec"]) == ("autoscaling/v1", "Scale", {"replicas": 2})
    assert answer["status"]["selector"] == "app=web"


def test_a_merge_patch_of_scale_gives_the_manager_with_its_subresource(ns: ContractNamespace) -> None:
    ns.apply(deployment(replicas=2))
    ns.done(ns.patch(ns.ref(), {"spec": {"replicas": 4}}, "kubectl", form=MERGE, subresource="scale"))
    entry = next(each for each in ns.found()["metadata"]["managedFields"] if each["manager"] == "kubectl")
    assert (entry["operation"], entry["subresource"]) == ("Update", "scale")
    assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


class TestProduct:
    """apply_object through the same events: never a moment with another number than wanted."""

    def go(self, ns: ContractNamespace, sequence: int, replicas: int | None, *, scaler: bool = False) -> int:
        manifest = ns.here(deployment(replicas=replicas))
        return apply_object(ns.gateway, manifest, sequence=sequence, scaler=scaler).object["spec"]["replicas"]

    def test_creation_puts_replicas_into_the_hand_of_slipway_scale(self, ns: ContractNamespace) -> None:
        assert self.go(ns, 1, 3) == 3
        assert owns(ns.found(), SCALE, REPLICAS)
        assert not owns(ns.found(), "slipway", REPLICAS)

    def test_applying_it_again_writes_nothing(self, ns: ContractNamespace) -> None:
        self.go(ns, 1, 0)
        before = written(ns.found())
        self.go(ns, 1, 0)
        assert written(ns.found()) == before

    def test_it_scales_and_takes_back_what_a_person_scaled(self, ns: ContractNamespace) -> None:
        self.go(ns, 1, 3)
        ns.scale(5)
        assert self.go(ns, 2, 4) == 4
        assert owns(ns.found(), SCALE, REPLICAS)

    def test_an_object_of_an_earlier_manager_keeps_its_number_through_the_hand_over(
        self, ns: ContractNamespace
    ) -> None:
        ns.apply(deployment(replicas=3))
        assert self.go(ns, 1, None) == 3

    def test_with_an_autoscaler_the_number_stays_its_own_and_comes_back_to_us_after_it(
        self, ns: ContractNamespace
    ) -> None:
        self.go(ns, 1, 2)
        start_autoscaler(ns, 4)
        assert self.go(ns, 2, 2, scaler=True) == 4
        ns.gateway.delete(ns.ref("HorizontalPodAutoscaler", api_version="autoscaling/v2"))
        assert self.go(ns, 3, 2) == 2
        assert owns(ns.found(), SCALE, REPLICAS)
