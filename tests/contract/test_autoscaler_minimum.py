"""An autoscaler's minimum held up and given back, whoever else writes it meanwhile."""

import pytest

from environments.kube.api.errors import Fenced
from environments.kube.apply.autoscaler_minimum import hold_floor, release_floor
from environments.kube.apply.ownership import owns
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.names import FLOOR, MANAGER
from environments.kube.objects import Ref
from tests.contract.namespace import ContractNamespace, written
from tests.contract.objects import Manifest

MINIMUM = ("f:spec", "f:minReplicas")


def scaler(minimum: int | None = 2) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 10, **({} if minimum is None else {"minReplicas": minimum})}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": spec,
    }


def scaled_object() -> Manifest:
    """KEDA's, with no minimum of its own."""
    spec = {"scaleTargetRef": {"name": "web"}, "triggers": [{"type": "cron", "metadata": {}}]}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web"}, "spec": spec}


def released(ns: ContractNamespace, manifest: Manifest, sequence: int = 1) -> Ref:
    """Applied by a rollout."""
    apply_object(ns.gateway, ns.here(manifest), sequence=sequence)
    return ns.ref(manifest["kind"], "web", manifest["apiVersion"])


def test_a_minimum_is_held_up_and_given_back(ns: ContractNamespace) -> None:
    ref = released(ns, scaler())
    floor = hold_floor(ns.gateway, ref, 6, sequence=2)
    assert floor == (6, 2)
    assert ns.found(ref)["spec"]["minReplicas"] == 6
    assert hold_floor(ns.gateway, ref, 8, sequence=2) == (8, 2)
    assert release_floor(ns.gateway, ref, sequence=2) == (2, 2)
    found = ns.found(ref)
    assert found["spec"]["minReplicas"] == 2
    assert FLOOR not in found["metadata"].get("annotations", {})


def test_a_minimum_that_is_high_enough_is_left_alone(ns: ContractNamespace) -> None:
    ref = released(ns, scaler(5))
    before = written(ns.found(ref))
    assert hold_floor(ns.gateway, ref, 4, sequence=2) == (5, 5)
    assert release_floor(ns.gateway, ref, sequence=2) is None
    assert written(ns.found(ref)) == before


def test_one_that_nobody_has_set_is_unset_again(ns: ContractNamespace) -> None:
    ref = released(ns, scaled_object())
    assert hold_floor(ns.gateway, ref, 3, sequence=2) == (3, None)
    assert ns.found(ref)["spec"]["minReplicaCount"] == 3
    assert release_floor(ns.gateway, ref, sequence=2) == (0, None)
    assert "minReplicaCount" not in ns.found(ref)["spec"]


def test_what_a_release_brings_meanwhile_stays(ns: ContractNamespace) -> None:
    ref = released(ns, scaler())
    hold_floor(ns.gateway, ref, 6, sequence=2)
    released(ns, scaler(6), sequence=2)
    release_floor(ns.gateway, ref, sequence=2)
    found = ns.found(ref)
    assert found["spec"]["minReplicas"] == 6
    assert owns(found, MANAGER, MINIMUM)
    assert FLOOR not in found["metadata"].get("annotations", {})


def test_what_is_not_there_is_not_held(ns: ContractNamespace) -> None:
    ref = ns.ref("HorizontalPodAutoscaler", "none", "autoscaling/v2")
    assert hold_floor(ns.gateway, ref, 3, sequence=1) is None
    assert release_floor(ns.gateway, ref, sequence=1) is None


def test_an_older_rollout_holds_nothing(ns: ContractNamespace) -> None:
    ref = released(ns, scaler(), sequence=7)
    with pytest.raises(Fenced):
        hold_floor(ns.gateway, ref, 6, sequence=6)
