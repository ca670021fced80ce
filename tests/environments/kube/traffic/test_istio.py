"""Istio, by the documents' VirtualService and DestinationRule (11.5.2)."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import NO_TESTERS, NOBODY, Route, Testers, find
from environments.kube.traffic.base import Live
from tests.environments.kube.traffic.documents import ISTIO, NAMESPACE, read

ISTIO_ROUTER = find("istio")
STABLE = {"destination": {"host": "agent-service", "subset": "stable"}}
CANARY = {"destination": {"host": "agent-service", "subset": "canary"}}
SUBSETS = [
    {"name": "v1-0-0", "labels": {"version": "v1.0.0"}},
    {"name": "v1-1-0", "labels": {"version": "v1.1.0"}},
    {"name": "stable", "labels": {"slipway.dev/track": "stable"}},
    {"name": "canary", "labels": {"slipway.dev/track": "canary"}},
]


def route_of(objects: list[Manifest], hint: str = "") -> Route:
    """The route by subsets, as plans of before have it for every VirtualService."""
    route = ISTIO_ROUTER.detect(objects, NAMESPACE, "agent-service", "agent-service", hint)
    assert route is not None
    assert route.object is not None
    own = Ref(route.object.api_version, "DestinationRule", NAMESPACE, "agent-service-slipway")
    return replace(route, by_host=False, rule=route.rule or own)


def virtual(*http: dict[str, Any], hosts: tuple[str, ...] = ("agent-service",), **spec: Any) -> Manifest:
    manifest = read(ISTIO)[0]
    return {**manifest, "spec": {"hosts": list(hosts), "http": list(http), **spec}}


def to(host: str = "agent-service", weight: int | None = None, subset: str = "") -> dict[str, Any]:
    destination = {"host": host, **({"subset": subset} if subset else {})}
    return {"destination": destination, **({} if weight is None else {"weight": weight})}


def live(*objects: Manifest) -> Live:
    return Live({ref_of(each): each for each in objects})


def weighed(manifest: Manifest, weight: int, testers: Testers = NO_TESTERS, *more: Manifest) -> list[dict[str, Any]]:
    objects = [manifest, *more]
    return ISTIO_ROUTER.weigh(live(*objects), route_of(objects), weight, testers)[-1]["spec"]["http"]


def after(manifest: Manifest, http: list[dict[str, Any]]) -> Manifest:
    return {**manifest, "spec": {**manifest["spec"], "http": http}}


def with_subsets(*subsets: dict[str, Any]) -> Manifest:
    rule = read(ISTIO)[1]
    return {**rule, "spec": {**rule["spec"], "subsets": list(subsets or SUBSETS)}}


def test_the_documents_objects_are_found_with_the_rule_that_has_the_subsets() -> None:
    route = route_of(read(ISTIO))
    assert route.object == Ref("networking.istio.io/v1beta1", "VirtualService", NAMESPACE, "agent-service")
    assert route.rule == Ref("networking.istio.io/v1beta1", "DestinationRule", NAMESPACE, "agent-service")
    assert (route.stable, route.canary) == ("agent-service", "agent-service-canary")
    assert Route.from_json(route.to_json()) == route


def test_subsets_are_written_before_weights_and_the_others_stay() -> None:
    manifests = read(ISTIO)
    rule, weights = ISTIO_ROUTER.weigh(live(*manifests), route_of(manifests), 25, Testers())
    assert (rule["kind"], rule["spec"]) == ("DestinationRule", {"subsets": SUBSETS})
    assert (weights["kind"], set(weights["spec"])) == ("VirtualService", {"http"})
    assert weights["metadata"] == {"name": "agent-service", "namespace": NAMESPACE}


@pytest.mark.parametrize("weight", [0, 5, 25, 50, 100])
def test_the_documents_entries_get_testers_on_the_canary_and_the_others_by_weight(weight: int) -> None:
    manifests = read(ISTIO)
    testers, others = weighed(manifests[0], weight, Testers(), manifests[1])
    assert testers == {"match": [{"headers": {"canary": {"exact": "true"}}}], "route": [CANARY]}
    assert others == {"route": [{**STABLE, "weight": 100 - weight}, {**CANARY, "weight": weight}]}


def test_for_nobody_even_the_documents_testers_are_on_stable() -> None:
    testers, others = weighed(read(ISTIO)[0], 0, NOBODY)
    assert testers["route"] == [STABLE]
    assert others["route"] == [{**STABLE, "weight": 100}, {**CANARY, "weight": 0}]


@pytest.mark.parametrize("weight", [0, 5, 100])
def test_what_was_written_reads_back_as_the_weight_and_writing_again_changes_nothing(weight: int) -> None:
    manifests = read(ISTIO)
    route, testers = route_of(manifests), Testers(header="X-Canary", value="yes", cookie="canary")
    http = weighed(manifests[0], weight, testers, manifests[1])
    written = after(manifests[0], http)
    assert ISTIO_ROUTER.weight_of(live(written, with_subsets()), route) == weight
    assert weighed(written, weight, testers, manifests[1]) == http


def test_all_else_of_an_entry_is_kept() -> None:
    kept = {
        "name": "main",
        "match": [{"uri": {"prefix": "/api"}}],
        "timeout": "10s",
        "retries": {"attempts": 3},
        "corsPolicy": {"allowOrigins": [{"exact": "https://app.aiworkflow.com"}]},
        "fault": {"delay": {"fixedDelay": "1s"}},
    }
    port = {"number": 8080}
    destination = {"host": f"agent-service.{NAMESPACE}.svc.cluster.local", "port": port}
    headers = {"request": {"set": {"x": "y"}}}
    [entry] = weighed(virtual({**kept, "route": [{"destination": destination, "headers": headers}]}), 25)
    assert {name: value for name, value in entry.items() if name != "route"} == kept
    assert entry["route"] == [
        {"destination": {**destination, "subset": "stable"}, "headers": headers, "weight": 75},
        {"destination": {**destination, "subset": "canary"}, "headers": headers, "weight": 25},
    ]


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("agent-service", True),
        (f"agent-service.{NAMESPACE}", True),
        (f"agent-service.{NAMESPACE}.svc", True),
        (f"agent-service.{NAMESPACE}.svc.cluster.local", True),
        ("agent-service.elsewhere", False),
        ("agent-service.elsewhere.svc.cluster.local", False),
        ("agent-service-other", False),
        (f"agent-service.{NAMESPACE}.example.com", False),
    ],
)
def test_a_host_is_the_service_in_all_its_forms(host: str, ours: bool) -> None:
    found = ISTIO_ROUTER.detect([virtual({"route": [to(host)]})], NAMESPACE, "agent-service", "agent-service")
    assert bool(found) is ours


@pytest.mark.parametrize(
    ("host", "known"),
    [("agent-service", f"agent-service.{NAMESPACE}"), ("api.aiworkflow.com", "api.aiworkflow.com"), ("*", "*")],
)
def test_a_short_host_is_one_of_its_namespace_alone(host: str, known: str) -> None:
    manifest = virtual({"route": [to()]}, hosts=(host,))
    assert ISTIO_ROUTER.hosts(manifest, route_of([manifest])) == (known,)


def test_entries_to_other_hosts_and_other_protocols_stay() -> None:
    other = {"match": [{"uri": {"prefix": "/auth"}}], "route": [to("auth-service")]}
    redirect = {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
    manifest = virtual(other, redirect, {"route": [to()]}, tcp=[{"route": [to()]}])
    objects = [manifest]
    body = ISTIO_ROUTER.weigh(live(manifest), route_of(objects), 5, Testers())[-1]
    assert body["spec"]["http"][:2] == [other, redirect]
    assert set(body["spec"]) == {"http"}
    [words] = ISTIO_ROUTER.unsupported(manifest, route_of(objects))
    assert words == f"TCP routes of VirtualService {NAMESPACE}/agent-service do not follow the weights."


def test_an_entry_that_leads_elsewhere_too_stays_on_stable_and_is_named() -> None:
    mixed = {"match": [{"uri": {"prefix": "/x"}}], "route": [to(weight=80), to("other", 20)]}
    manifest = virtual(mixed, {"route": [to()]})
    first, _ = weighed(manifest, 50)
    assert first["route"] == [{**STABLE, "weight": 80}, to("other", 20)]
    [words] = ISTIO_ROUTER.unsupported(manifest, route_of([manifest]))
    assert "http[0]" in words


def test_testers_come_before_the_entry_that_they_would_have_met() -> None:
    entry = {"match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}], "timeout": "1s", "route": [to()]}
    testers, _ = weighed(virtual(entry), 5, Testers(header="X-Canary", value="yes", cookie="canary"))
    header = {"x-canary": {"exact": "yes"}}
    cookie = {"cookie": {"regex": r"^(.*;\s*)?canary=always(;.*)?$"}}
    assert testers["match"] == [
        {"uri": {"prefix": "/a"}, "headers": header},
        {"uri": {"prefix": "/a"}, "headers": cookie},
        {"uri": {"prefix": "/b"}, "headers": header},
        {"uri": {"prefix": "/b"}, "headers": cookie},
    ]
    assert (testers["timeout"], testers["route"]) == ("1s", [CANARY])


def test_a_header_that_the_bundle_lets_in_itself_needs_no_second_entry() -> None:
    assert len(weighed(read(ISTIO)[0], 5, Testers(header="canary", value="true"))) == 2


def test_a_header_without_a_value_says_always() -> None:
    testers, _ = weighed(virtual({"route": [to()]}), 0, Testers(header="x-canary"))
    assert testers["match"] == [{"headers": {"x-canary": {"exact": "always"}}}]


def test_at_rest_all_of_the_documents_objects_is_on_stable() -> None:
    manifests = read(ISTIO)
    before = copy.deepcopy(manifests)
    route = route_of(manifests)
    rested, rule = (ISTIO_ROUTER.at_rest(each, route) for each in manifests)
    assert [entry["route"] for entry in rested["spec"]["http"]] == [[{**STABLE, "weight": 100}]] * 2
    assert rested["spec"]["http"][0]["match"] == [{"headers": {"canary": {"exact": "true"}}}]
    assert rule["spec"]["subsets"] == SUBSETS
    assert rule["spec"]["trafficPolicy"] == manifests[1]["spec"]["trafficPolicy"]
    assert [ISTIO_ROUTER.at_rest(each, route) for each in (rested, rule)] == [rested, rule]
    assert ISTIO_ROUTER.weight_of(live(rested, rule), route) == 0
    assert manifests == before


def test_at_rest_is_what_was_before_the_weights() -> None:
    manifests = read(ISTIO)
    route = route_of(manifests)
    rested = ISTIO_ROUTER.at_rest(manifests[0], route)
    moved = after(rested, weighed(rested, 25, Testers(header="x"), manifests[1]))
    [body] = ISTIO_ROUTER.rest(live(moved, manifests[1]), route)
    assert body["spec"]["http"] == rested["spec"]["http"]


class TestWithoutARuleInTheBundle:
    MANIFEST = virtual({"route": [to()]})

    def test_one_of_ours_is_made_for_the_host(self) -> None:
        route = route_of([self.MANIFEST])
        [body] = ISTIO_ROUTER.prepare(live(self.MANIFEST), route)
        assert body["metadata"] == {"name": "agent-service-slipway", "namespace": NAMESPACE}
        assert body["spec"] == {"host": f"agent-service.{NAMESPACE}.svc.cluster.local", "subsets": SUBSETS[2:]}

    def test_at_rest_there_is_no_subset_and_no_rule(self) -> None:
        route = route_of([self.MANIFEST])
        rested = ISTIO_ROUTER.at_rest(after(self.MANIFEST, weighed(self.MANIFEST, 25)), route)
        assert rested["spec"]["http"] == [{"route": [to(weight=100)]}]
        assert ISTIO_ROUTER.removed_at_rest(route) == (route.rule,)
        assert ISTIO_ROUTER.weight_of(live(rested), route) == 0

    @pytest.mark.parametrize("canary", ["agent-service-canary-7d4-x", f"{'a' * 58}x7k2q"])
    def test_but_not_while_the_canarys_pods_stand_behind_the_service(self, canary: str) -> None:
        """Pods of workloads with long names have names that are cut."""
        route, now = route_of([self.MANIFEST]), live(self.MANIFEST)
        now.lists["Pod"] = [{"metadata": {"name": canary}}]
        now.lists["EndpointSlice"] = [{"endpoints": [{"targetRef": {"name": canary}}]}]
        assert "its subsets stay until they have gone" in ISTIO_ROUTER.not_yet_at_rest(now, route)
        now.lists["EndpointSlice"] = [{"endpoints": [{"targetRef": {"name": "agent-service-7d4-x"}}]}, {}]
        assert ISTIO_ROUTER.not_yet_at_rest(now, route) == ""


@pytest.mark.parametrize(
    ("routes", "weight"),
    [
        ([to(weight=75, subset="stable"), to(weight=25, subset="canary")], 25),
        ([to(subset="canary")], 100),
        ([to(subset="stable")], 0),
        ([to(weight=1, subset="stable"), to(weight=1, subset="canary")], 50),
        ([to(weight=95, subset="v1-0-0"), to(weight=5, subset="v1-1-0")], -1),
        ([to(weight=50, subset="stable"), to(weight=50)], -1),
        ([to(weight=0, subset="stable"), to(weight=0, subset="canary")], -1),
        ([to()], -1),
    ],
)
def test_the_weight_is_told_only_where_both_sides_are_told_apart(routes: list, weight: int) -> None:
    objects = [virtual({"route": routes}), with_subsets()]
    assert ISTIO_ROUTER.weight_of(live(*objects), route_of(objects)) == weight


def test_entries_that_disagree_have_no_weight() -> None:
    split = [to(weight=75, subset="stable"), to(weight=25, subset="canary")]
    off = [to(weight=100, subset="stable"), to(weight=0, subset="canary")]
    objects = [virtual({"match": [{"uri": {"prefix": "/a"}}], "route": split}, {"route": off}), with_subsets()]
    assert ISTIO_ROUTER.weight_of(live(*objects), route_of(objects)) == -1


@pytest.mark.parametrize(
    "subsets",
    [SUBSETS[:3], SUBSETS[:2], [SUBSETS[2], {"name": "canary", "labels": {"app": "agent-service"}}]],
    ids=["canary's gone", "both gone", "another canary"],
)
def test_a_weight_between_subsets_that_somebody_took_away_is_none_and_names_who_did(subsets: list) -> None:
    split = [to(weight=75, subset="stable"), to(weight=25, subset="canary")]
    whole, broken = with_subsets(), with_subsets(*subsets)
    manifest = virtual({"route": split})
    route = route_of([manifest, whole])
    assert ISTIO_ROUTER.weight_of(live(manifest, whole), route) == 25
    assert ISTIO_ROUTER.decisive(live(manifest, whole), route) == (route.object, ("f:spec", "f:http"))
    assert ISTIO_ROUTER.weight_of(live(manifest, broken), route) == -1
    assert ISTIO_ROUTER.decisive(live(manifest, broken), route) == (route.rule, ("f:spec", "f:subsets"))


def test_two_workloads_on_one_object_leave_each_other_alone() -> None:
    first = {"match": [{"uri": {"prefix": "/a"}}], "route": [to()]}
    manifest = virtual(first, {"route": [to("auth-service")]})
    agents = after(manifest, weighed(manifest, 25, Testers(header="x-canary")))
    auth = ISTIO_ROUTER.detect([agents], NAMESPACE, "auth-service", "auth-service")
    assert auth is not None
    both = after(agents, ISTIO_ROUTER.weigh(live(agents), auth, 50, Testers(header="x-canary"))[-1]["spec"]["http"])
    assert len(both["spec"]["http"]) == 4
    assert both["spec"]["http"][:2] == agents["spec"]["http"][:2]
    assert weighed(both, 25, Testers(header="x-canary"))[2:] == both["spec"]["http"][2:]


def test_a_switch_leads_to_the_other_colour_without_subsets() -> None:
    manifests = read(ISTIO)
    route = route_of(manifests)
    green = ISTIO_ROUTER.point(manifests[0], route, "agent-service-green")
    assert [entry["route"] for entry in green["spec"]["http"]] == [[to("agent-service-green", 100)]] * 2
    assert ISTIO_ROUTER.target_of(green, route) == "agent-service-green"
    long = virtual({"route": [to(f"agent-service-green.{NAMESPACE}.svc.cluster.local")]})
    blue = ISTIO_ROUTER.point(long, route, "agent-service-blue")
    assert blue["spec"]["http"] == [{"route": [to(f"agent-service-blue.{NAMESPACE}.svc.cluster.local", 100)]}]
    assert ISTIO_ROUTER.point(manifests[1], route, "agent-service-green") == manifests[1]
