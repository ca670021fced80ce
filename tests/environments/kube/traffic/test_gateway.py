"""Gateway API: weights of backendRefs, and what the gateways say about the route."""

from typing import Any

import pytest

from environments.kube.objects import Manifest, ref_of
from environments.kube.traffic import NO_TESTERS, NOBODY, Route, Testers, find
from environments.kube.traffic.base import Live
from tests.environments.kube.traffic.documents import HTTP_ROUTE, NAMESPACE, read

GATEWAY = find("gateway")
[HTTP] = read(HTTP_ROUTE)
PATH = {"path": {"type": "PathPrefix", "value": "/api/agents"}}


def route_of(manifest: Manifest = HTTP) -> Route:
    route = GATEWAY.detect([manifest], NAMESPACE, "agent-service", "agent-service")
    assert route is not None
    return route


def live(manifest: Manifest) -> Live:
    return Live({ref_of(manifest): manifest})


def weighed(weight: int, testers: Testers = NO_TESTERS, manifest: Manifest = HTTP) -> list[dict[str, Any]]:
    [body] = GATEWAY.weigh(live(manifest), route_of(manifest), weight, testers)
    return body["spec"]["rules"]


def with_rules(*rules: dict[str, Any]) -> Manifest:
    return {**HTTP, "spec": {**HTTP["spec"], "rules": list(rules)}}


def backend(name: str = "agent-service", weight: int | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": 8080, **({} if weight is None else {"weight": weight}), **more}


def test_a_route_is_found_with_its_host_and_paths() -> None:
    route = route_of()
    assert (route.object, route.host, route.port) == (ref_of(HTTP), "api.aiworkflow.com", 8080)
    assert GATEWAY.hosts(HTTP, route) == ("api.aiworkflow.com/api/agents",)
    assert Route.from_json(route.to_json()) == route


@pytest.mark.parametrize("weight", [0, 5, 25, 100])
def test_the_rule_of_the_service_gets_two_weights_and_reads_back(weight: int) -> None:
    moved, other = weighed(weight)
    sides = [backend(weight=100 - weight), backend("agent-service-canary", weight)]
    assert moved == {"matches": [PATH], "backendRefs": sides}
    assert other == HTTP["spec"]["rules"][1]
    written = with_rules(moved, other)
    assert GATEWAY.weight_of(live(written), route_of()) == weight
    assert weighed(weight, manifest=written) == [moved, other]


def test_testers_have_a_rule_before() -> None:
    testers, moved, _ = weighed(0, Testers("X-Canary", "yes", "canary"))
    header = {"type": "Exact", "name": "X-Canary", "value": "yes"}
    cookie = {"type": "RegularExpression", "name": "Cookie", "value": r"^(.*;\s*)?canary=always(;.*)?$"}
    assert testers["matches"] == [{**PATH, "headers": [header]}, {**PATH, "headers": [cookie]}]
    assert testers["backendRefs"] == [backend("agent-service-canary", 1)]
    assert moved["backendRefs"][1]["weight"] == 0


def test_it_goes_again_where_nobody_is_to_see_the_canary() -> None:
    written = with_rules(*weighed(5, Testers("X-Canary")))
    moved, _ = weighed(0, NOBODY, written)
    assert [each["weight"] for each in moved["backendRefs"]] == [100, 0]


def test_at_rest_is_what_was_before_the_weights() -> None:
    written = with_rules(*weighed(25, Testers("X-Canary")))
    [body] = GATEWAY.rest(live(written), route_of())
    assert body["spec"]["rules"][0] == {"matches": [PATH], "backendRefs": [backend(weight=1)]}
    assert body["spec"]["rules"][1:] == HTTP["spec"]["rules"][1:]
    assert GATEWAY.at_rest(HTTP, route_of()) == HTTP


def test_a_rule_with_other_backends_stays_and_is_named() -> None:
    mixed = {"matches": [PATH], "backendRefs": [backend(weight=9), backend("other", 1)]}
    manifest = with_rules(mixed, {"backendRefs": [backend()]})
    assert weighed(25, manifest=manifest)[0] == mixed
    [words] = GATEWAY.unsupported(manifest, route_of(manifest))
    assert words.startswith(f"rules[0] of HTTPRoute {NAMESPACE}/agent-service also leads to other services")


def test_filters_of_the_rule_and_of_the_backend_are_kept() -> None:
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}]
    rule = {"filters": filters, "timeouts": {"request": "5s"}, "backendRefs": [backend(filters=filters)]}
    [moved] = weighed(5, manifest=with_rules(rule))
    assert (moved["filters"], moved["timeouts"]) == (filters, {"request": "5s"})
    assert [each["filters"] for each in moved["backendRefs"]] == [filters, filters]


@pytest.mark.parametrize(
    "other",
    [backend(namespace="elsewhere"), backend(kind="ServiceImport", group="multicluster.x-k8s.io"), backend("another")],
)
def test_a_backend_that_is_not_the_service_is_not_moved(other: dict[str, Any]) -> None:
    manifest = with_rules({"backendRefs": [other]})
    assert GATEWAY.detect([manifest], NAMESPACE, "agent-service", "agent-service") is None


@pytest.mark.parametrize(
    ("backends", "weight"),
    [
        ([backend(weight=3), backend("agent-service-canary", 1)], 25),
        ([backend()], 0),
        ([backend("agent-service-green")], -1),
        ([backend(weight=0), backend("agent-service-canary", 0)], -1),
    ],
)
def test_the_weight_of_what_others_wrote(backends: list, weight: int) -> None:
    manifest = with_rules({"backendRefs": backends})
    assert GATEWAY.weight_of(live(manifest), route_of()) == weight


def test_a_switch_leads_to_the_other_colour() -> None:
    green = GATEWAY.point(HTTP, route_of(), "agent-service-green")
    assert green["spec"]["rules"][0]["backendRefs"] == [backend("agent-service-green", 1)]
    assert green["spec"]["rules"][1] == HTTP["spec"]["rules"][1]
    assert GATEWAY.target_of(green, route_of()) == "agent-service-green"
    assert GATEWAY.target_of(HTTP, route_of()) == "agent-service"


class TestAccepted:
    def condition(self, name: str, status: str = "True", at: int = 3, reason: str = "", message: str = "") -> dict:
        return {"type": name, "status": status, "observedGeneration": at, "reason": reason, "message": message}

    def seen(self, *conditions: dict[str, Any], parent: dict[str, Any] | None = None) -> str:
        parents = [{"parentRef": parent or {"name": "public"}, "conditions": list(conditions)}]
        manifest = {**HTTP, "metadata": {**HTTP["metadata"], "generation": 3}, "status": {"parents": parents}}
        return GATEWAY.not_accepted(live(manifest), route_of())

    def test_where_both_conditions_hold_at_this_generation(self) -> None:
        assert self.seen(self.condition("Accepted"), self.condition("ResolvedRefs")) == ""

    def test_a_parent_written_out_in_full_is_the_same(self) -> None:
        full = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": NAMESPACE, "name": "public"}
        assert self.seen(self.condition("Accepted"), self.condition("ResolvedRefs"), parent=full) == ""

    @pytest.mark.parametrize(
        ("accepted", "resolved", "words"),
        [
            (
                {"at": 2},
                {},
                "Gateway public has not taken up generation 3 of the route yet (it is at 2).",
            ),
            ({}, {"at": 2}, "Gateway public has not taken up generation 3 of the route yet (it is at 2)."),
            (
                {},
                {"status": "False", "reason": "BackendNotFound", "message": "no Service web"},
                "Gateway public says ResolvedRefs False: BackendNotFound no Service web.",
            ),
            ({"status": "False"}, {}, "Gateway public says Accepted False: no reason given."),
        ],
    )
    def test_what_is_missing_is_said(self, accepted: dict, resolved: dict, words: str) -> None:
        assert self.seen(self.condition("Accepted", **accepted), self.condition("ResolvedRefs", **resolved)) == words

    def test_nobody_has_taken_it_up(self) -> None:
        words = "No controller has taken up the route at Gateway public yet."
        assert GATEWAY.not_accepted(live(HTTP), route_of()) == words
        assert self.seen(self.condition("Accepted"), parent={"name": "another"}) == words
