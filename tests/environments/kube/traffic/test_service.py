"""A plain Service: shares by ready pods, and a selector for all and for nothing."""

from typing import Any

import pytest

from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import Route, Testers, find
from environments.kube.traffic.base import Live
from tests.environments.kube.traffic.documents import NAMESPACE, SERVICE, read

ROUTER = find("service")
[PLAIN] = read(SERVICE)
REF = Ref("v1", "Service", NAMESPACE, "agent-service")
TRACK = "slipway.dev/track"


def route() -> Route:
    found = ROUTER.detect([PLAIN], NAMESPACE, "agent-service", "agent-service")
    assert found is not None
    return found


def selecting(track: str = "") -> Manifest:
    selector = {"app": "agent-service", **({TRACK: track} if track else {})}
    return {**PLAIN, "spec": {**PLAIN["spec"], "selector": selector}}


def pod(name: str, track: str, ready: bool = True) -> Manifest:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": {"name": name, "labels": {TRACK: track} if track else {}}, "status": {"conditions": conditions}}


def endpoint(name: str, ready: bool | None = True) -> dict[str, Any]:
    conditions = {} if ready is None else {"ready": ready}
    return {"addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}}


def live(service: Manifest, tracks: dict[str, str], endpoints: list[dict[str, Any]] | None = None) -> Live:
    behind = [endpoint(name) for name in tracks] if endpoints is None else endpoints
    pods = [pod(name, track) for name, track in tracks.items()]
    return Live({REF: service}, {"Pod": pods, "EndpointSlice": [{"endpoints": behind}, {"endpoints": None}]})


BOTH = {"a": "stable", "b": "stable", "c": "stable", "d": "canary"}
ALL_STABLE = {"a": "stable", "b": "stable"}


@pytest.mark.parametrize(
    ("tracks", "weight"),
    [
        (BOTH, 25),
        (ALL_STABLE, 0),
        ({"a": "", "b": "canary"}, 50),
        ({"a": "canary"}, 100),
        ({}, 0),
        ({**{f"s{number}": "stable" for number in range(300)}, "c": "canary"}, 1),
    ],
)
def test_the_weight_is_the_share_of_ready_pods(tracks: dict[str, str], weight: int) -> None:
    assert ROUTER.weight_of(live(PLAIN, tracks), route()) == weight


def test_only_ready_endpoints_count_and_each_pod_once() -> None:
    behind = [endpoint("a"), endpoint("a"), endpoint("b", ready=None), endpoint("c", ready=False), endpoint("d")]
    assert ROUTER.weight_of(live(PLAIN, BOTH, behind), route()) == 33


@pytest.mark.parametrize(
    ("now", "tracks", "weight", "selector"),
    [
        ("", BOTH, 25, None),
        ("", BOTH, 100, "canary"),
        ("", ALL_STABLE, 100, None),
        ("", BOTH, 0, "stable"),
        ("", {"a": "", "b": "stable", "d": "canary"}, 0, None),
        ("canary", BOTH, 0, "stable"),
        ("canary", BOTH, 50, ""),
        ("stable", BOTH, 0, None),
        ("stable", BOTH, 25, ""),
    ],
)
def test_the_selector_is_written_for_all_and_for_nothing_only(
    now: str, tracks: dict[str, str], weight: int, selector: str | None
) -> None:
    bodies = ROUTER.weigh(live(selecting(now), tracks), route(), weight, Testers())
    expected = [] if selector is None else [{"selector": selecting(selector)["spec"]["selector"]}]
    assert [body["spec"] for body in bodies] == expected


def test_at_rest_the_selector_has_both_sides_again() -> None:
    [body] = ROUTER.rest(live(selecting("canary"), BOTH), route())
    assert body["spec"] == {"selector": {"app": "agent-service"}}
    assert ROUTER.rest(live(PLAIN, BOTH), route()) == []


def test_a_switch_is_the_colour_in_the_selector() -> None:
    green = ROUTER.point(selecting("blue"), route(), "green")
    assert ROUTER.owned(green, route())["spec"] == {"selector": {"app": "agent-service", TRACK: "green"}}
    assert ROUTER.target_of(green, route()) == "green"
    assert ROUTER.target_of(PLAIN, route()) == ""


def test_pods_are_looked_for_by_what_both_sides_have() -> None:
    slices, pods = ROUTER.lists(live(selecting("canary"), {}), route(), clearing=False)
    assert slices.labels == "kubernetes.io/service-name=agent-service"
    assert pods.labels == "app=agent-service"


def test_how_coarse_it_is_is_said() -> None:
    assert ROUTER.coarse
    [coarse, testers] = ROUTER.unsupported(PLAIN, route(), Testers("X-Canary"))
    assert "only as fine as the number of pods" in coarse
    assert "cannot tell testers from others" in testers


def test_without_any_ready_pod_only_a_selector_that_asks_for_the_canary_alone_is_not_accepted() -> None:
    words = "Service agent-service leads to the canary alone, and no pod of it is ready."
    assert ROUTER.not_accepted(live(selecting("canary"), {}), route()) == words
    assert ROUTER.weight_of(live(selecting("canary"), {}), route()) == 100
    assert ROUTER.not_accepted(live(PLAIN, {}), route()) == ""


def test_it_is_not_put_at_rest_while_the_canarys_pods_would_answer_again() -> None:
    assert "until they have gone" in ROUTER.not_yet_at_rest(live(selecting("stable"), BOTH), route())
    assert ROUTER.not_yet_at_rest(live(selecting("stable"), ALL_STABLE), route()) == ""
