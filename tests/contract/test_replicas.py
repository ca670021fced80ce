"""Who has the replicas: kubernetes-verified, section 2, and what the product makes of it."""

import json

import pytest

from environments.kube.api.errors import FieldConflict
from environments.kube.apply.ownership import REPLICAS, owns
from environments.kube.apply.server_side_apply import apply_object
from tests.contract.objects import autoscaler, deployment, replicas_only
from tests.contract.space import APPLY, MERGE, Space, managers

SCALE = "slipway-scale"


def start_autoscaler(space: Space, minimum: int) -> None:
    """An HPA that has looked at the Deployment and brought it to its minimum."""
    space.apply(autoscaler(minimum))
    hpa = space.ref("HorizontalPodAutoscaler", api_version="autoscaling/v2")
    space.until(lambda: space.found(hpa).get("status", {}).get("conditions"))
    space.until(lambda: space.replicas() >= minimum)


def drop(space: Space, *, force: bool = False) -> int:
    """Leaves replicas out of our apply; the number after it."""
    return space.apply(deployment(), force=force).object["spec"]["replicas"]


def nobody_else(space: Space) -> None:
    space.apply(deployment(replicas=3))


def second_manager_applied_three(space: Space) -> None:
    space.apply(deployment(replicas=3))
    space.apply(replicas_only(3), SCALE)


def scale_patched_with_the_same_value(space: Space) -> None:
    space.apply(deployment(replicas=3))
    space.scale(3)


def scale_applied_by_a_second_manager(space: Space) -> None:
    space.apply(deployment(replicas=3))
    body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 3}}
    body["metadata"] = {"name": "web", "namespace": space.name}
    space.done(space.patch(space.ref(), json.dumps(body), SCALE, form=APPLY, subresource="scale"))


def person_scaled_to_five(space: Space) -> None:
    space.apply(deployment(replicas=3))
    space.scale(5)


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
def test_leaving_replicas_out_ends_at(space: Space, before, after) -> None:
    before(space)
    assert drop(space) == after


def test_created_without_replicas_there_is_one(space: Space) -> None:
    assert space.apply(deployment()).object["spec"]["replicas"] == 1


def test_an_autoscaler_that_has_written_keeps_its_number_when_we_drop_ours(space: Space) -> None:
    space.apply(deployment(replicas=2))
    start_autoscaler(space, 4)
    assert not owns(space.found(), "slipway", REPLICAS)
    assert drop(space) == 4


def test_an_autoscaler_that_only_agreed_loses_its_number_and_brings_it_back(space: Space) -> None:
    space.apply(deployment(replicas=4))
    start_autoscaler(space, 4)
    assert drop(space) == 1
    space.until(lambda: space.replicas() == 4)


def test_an_autoscalers_write_takes_the_field_from_the_second_manager(space: Space) -> None:
    second_manager_applied_three(space)
    drop(space)
    start_autoscaler(space, 4)
    assert SCALE not in managers(space.found())
    assert drop(space) == 4


def test_a_forced_number_under_an_autoscaler_lasts_one_of_its_periods(space: Space) -> None:
    space.apply(deployment())
    start_autoscaler(space, 4)
    assert space.apply(deployment(replicas=2), force=True).object["spec"]["replicas"] == 2
    space.until(lambda: space.replicas() == 4)


def test_a_persons_scale_is_told_to_the_second_manager(space: Space) -> None:
    second_manager_applied_three(space)
    drop(space)
    space.scale(5)
    with pytest.raises(FieldConflict) as raised:
        space.apply(replicas_only(3), SCALE)
    assert [(cause.manager, cause.field) for cause in raised.value.causes] == [("kubectl", "spec.replicas")]


def test_the_scale_subresource_tells_wanted_and_found_replicas(space: Space) -> None:
    space.apply(deployment(replicas=2))
    answer = space.done(space.gateway.raw("GET", f"{space.gateway.path(space.ref())}/scale"))
    assert (answer["apiVersion"], answer["kind"], answer["spec"]) == ("autoscaling/v1", "Scale", {"replicas": 2})
    assert answer["status"]["selector"] == "app=web"


def test_a_merge_patch_of_scale_gives_the_manager_with_its_subresource(space: Space) -> None:
    space.apply(deployment(replicas=2))
    space.done(space.patch(space.ref(), {"spec": {"replicas": 4}}, "kubectl", form=MERGE, subresource="scale"))
    entry = next(each for each in space.found()["metadata"]["managedFields"] if each["manager"] == "kubectl")
    assert (entry["operation"], entry["subresource"]) == ("Update", "scale")
    assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


class TestProduct:
    """apply_object through the same events: never a moment with another number than wanted."""

    def go(self, space: Space, sequence: int, replicas: int | None, *, scaler: bool = False) -> int:
        manifest = space.here(deployment(replicas=replicas))
        return apply_object(space.gateway, manifest, sequence=sequence, scaler=scaler).object["spec"]["replicas"]

    def test_creation_puts_replicas_into_the_hand_of_slipway_scale(self, space: Space) -> None:
        assert self.go(space, 1, 3) == 3
        assert owns(space.found(), SCALE, REPLICAS)
        assert not owns(space.found(), "slipway", REPLICAS)

    def test_applying_it_again_writes_nothing(self, space: Space) -> None:
        self.go(space, 1, 0)
        space.until(lambda: space.found().get("status", {}).get("observedGeneration") == 1)
        before = space.found()["metadata"]
        self.go(space, 1, 0)
        assert space.found()["metadata"]["generation"] == before["generation"]
        assert space.found()["metadata"]["resourceVersion"] == before["resourceVersion"]

    def test_it_scales_and_takes_back_what_a_person_scaled(self, space: Space) -> None:
        self.go(space, 1, 3)
        space.scale(5)
        assert self.go(space, 2, 4) == 4
        assert owns(space.found(), SCALE, REPLICAS)

    def test_an_object_of_an_earlier_manager_keeps_its_number_through_the_hand_over(self, space: Space) -> None:
        space.apply(deployment(replicas=3))
        assert self.go(space, 1, None) == 3

    def test_with_an_autoscaler_the_number_stays_its_own_and_comes_back_to_us_after_it(self, space: Space) -> None:
        self.go(space, 1, 2)
        start_autoscaler(space, 4)
        assert self.go(space, 2, 2, scaler=True) == 4
        space.gateway.delete(space.ref("HorizontalPodAutoscaler", api_version="autoscaling/v2"))
        assert self.go(space, 3, 2) == 2
        assert owns(space.found(), SCALE, REPLICAS)
