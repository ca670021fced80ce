"""Which pods a Service sends requests to."""

from typing import Any

import pytest

from environments.kube.status.endpoint_slices import ready_pods


def endpoint(pod: str, **conditions: Any) -> dict[str, Any]:
    return {"targetRef": {"kind": "Pod", "name": pod}, "conditions": conditions}


@pytest.mark.parametrize("conditions", [{"ready": True}, {}, {"ready": None}])
def test_a_pod_that_does_not_say_otherwise_is_ready(conditions: dict[str, Any]) -> None:
    assert ready_pods([{"endpoints": [endpoint("a", **conditions)]}]) == {"a"}


def test_pods_of_two_address_families_count_once_and_others_not_at_all() -> None:
    both = [{"endpoints": [endpoint("a", ready=True), endpoint("b", ready=False)]}, {"endpoints": [endpoint("a")]}]
    assert ready_pods([*both, {"endpoints": None}, {"endpoints": [{"addresses": ["10.0.0.1"]}]}]) == {"a"}
