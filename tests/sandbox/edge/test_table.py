"""Which rule takes a request, and which backend a rule chooses: pure, from objects alone."""

from collections import Counter

import pytest

from sandbox.edge import gateway, ingress, istio, plain
from sandbox.edge.model import EdgeRequest, RoutingRule
from sandbox.edge.table import Table
from sandbox.edge.turns import Turns
from sandbox.meta import key_of, kind_of
from tests.sandbox.edge import objects
from tests.sandbox.edge.objects import Manifest, http_route, to, virtual_service

SOURCES = {
    istio.KIND: istio.source,
    gateway.KIND: gateway.source,
    ingress.KIND: ingress.source,
    "Service": plain.source,
}


def table(*manifests: Manifest, accepted: bool = True) -> Table:
    made = Table(lambda _: accepted)
    for manifest in manifests:
        made.put(SOURCES[kind_of(manifest)](manifest))
    return made


def target(found: RoutingRule | None) -> str:
    return "" if found is None else ",".join(item.service for item in found.backends)


def asked(made: Table, host: str, path: str = "/", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    only, _, query = path.partition("?")
    return target(made.find(EdgeRequest(host, only, headers=named, query=query)))


HOSTS = [
    ("shop.test", "exact"),
    ("a.shop.test", "near"),
    ("b.a.shop.test", "near"),
    ("a.other.test", "far"),
    ("other", ""),
]


@pytest.mark.parametrize(("host", "wanted"), HOSTS)
def test_the_longest_name_of_a_host_wins(host: str, wanted: str):
    made = table(
        virtual_service(["shop.test"], to(("exact", None)), name="a"),
        virtual_service(["*.shop.test"], to(("near", None)), name="b"),
        virtual_service(["*.test"], to(("far", None)), name="c"),
    )
    assert asked(made, host) == wanted


def test_every_host_is_the_last_resort():
    assert asked(table(http_route([], {"backendRefs": [{"name": "web", "port": 80}]})), "any.test") == "web"


SERVICE_NAMES = ["web", "web.d", "web.d.svc", "web.d.svc.cluster.local"]


@pytest.mark.parametrize("host", SERVICE_NAMES)
def test_a_virtual_service_takes_all_names_of_its_service(host: str):
    made = table(objects.service(), virtual_service(["web"], to(("v2", None))))
    assert asked(made, host) == "v2"


def test_a_service_answers_to_its_full_names_alone():
    made = table(objects.service())
    assert [asked(made, host) for host in SERVICE_NAMES] == ["", "web", "web", "web"]


def test_kinds_come_in_their_order():
    everything = [
        objects.ingress("shop.test", "by-ingress"),
        http_route(["shop.test"], {"backendRefs": [{"name": "by-route", "port": 80}]}),
        virtual_service(["shop.test"], to(("by-mesh", None))),
    ]
    found = [asked(table(*everything[:count]), "shop.test") for count in (1, 2, 3)]
    assert found == ["by-ingress", "by-route", "by-mesh"]


def test_what_an_object_said_before_is_gone_when_it_changes_and_when_it_goes():
    made = table(objects.ingress("old.test", "web"))
    made.put(ingress.source(objects.ingress("new.test", "web")))
    assert (asked(made, "old.test"), asked(made, "new.test")) == ("", "web")
    made.drop("Ingress", key_of(objects.ingress("new.test", "web")))
    assert asked(made, "new.test") == ""


def test_a_route_that_no_parent_takes_routes_nothing():
    route = http_route(["shop.test"], {"backendRefs": [{"name": "web", "port": 80}]})
    assert asked(table(route, accepted=False), "shop.test") == ""


RANKS = [
    ("/api", "exact"),
    ("/api/x", "prefix"),
    ("/other", "root"),
]


@pytest.mark.parametrize(("path", "wanted"), RANKS)
def test_matches_of_the_gateway_api_have_a_precedence(path: str, wanted: str):
    def rule(name: str, **match: Manifest) -> Manifest:
        return {"matches": [match], "backendRefs": [{"name": name, "port": 80}]}

    made = table(
        http_route(
            ["shop.test"],
            rule("root", path={"type": "PathPrefix", "value": "/"}),
            rule("prefix", path={"type": "PathPrefix", "value": "/api"}),
            rule("exact", path={"type": "Exact", "value": "/api"}),
        )
    )
    assert asked(made, "shop.test", path) == wanted


def test_an_expression_that_cannot_be_read_matches_nothing():
    made = table(
        virtual_service(["shop.test"], to(("odd", None), match=[{"headers": {"x": {"regex": "("}}}]), to(("web", None)))
    )
    assert asked(made, "shop.test", x="(") == "web"


# -- canary ingresses --------------------------------------------------------------------------------------------------


def test_a_canary_without_its_main_ingress_serves_nothing():
    assert asked(table(objects.ingress("shop.test", "canary", canary="true", canary_weight="50")), "shop.test") == ""


def test_a_canary_joins_the_rule_of_its_own_path_alone():
    made = table(
        objects.ingress("shop.test", "web"),
        objects.ingress("shop.test", "api", "/api", name="api"),
        objects.ingress("shop.test", "canary", "/api", name="c", canary="true", canary_weight="50"),
    )
    assert (asked(made, "shop.test"), asked(made, "shop.test", "/api")) == ("web", "api,canary")


def test_a_canary_that_ends_leaves_all_to_the_main_ingress():
    canary = objects.ingress("shop.test", "canary", name="c", canary="true", canary_weight="50")
    made = table(objects.ingress("shop.test", "web"), canary)
    assert asked(made, "shop.test") == "web,canary"
    made.drop("Ingress", key_of(canary))
    assert asked(made, "shop.test") == "web"


# -- turns -------------------------------------------------------------------------------------------------------------


def shares(made: Table, count: int, turns: Turns | None = None, who: str = "me", **headers: str) -> dict[str, int]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request, chosen = EdgeRequest("shop.test", headers=named), turns or Turns()
    found: Counter[str] = Counter()
    for _ in range(count):
        rule = made.find(request)
        assert rule is not None
        backend = chosen.choose(rule, request, who)
        found[backend.service if backend else "nobody"] += 1
    return dict(found)


WEIGHTS = [
    ((95, 5), 20, {"a": 19, "b": 1}),
    ((75, 25), 4, {"a": 3, "b": 1}),
    ((50, 50), 2, {"a": 1, "b": 1}),
    ((0, 100), 10, {"b": 10}),
    ((100, 0), 10, {"a": 10}),
    ((1, 2), 3, {"a": 1, "b": 2}),
    ((0, 0), 2, {"nobody": 2}),
]


@pytest.mark.parametrize(("weights", "count", "wanted"), WEIGHTS)
def test_weights_are_met_in_the_fewest_requests(weights: tuple[int, int], count: int, wanted: dict[str, int]):
    made = table(virtual_service(["shop.test"], to(("a", weights[0]), ("b", weights[1]))))
    assert shares(made, count) == wanted


def test_one_route_alone_needs_no_weight():
    assert shares(table(virtual_service(["shop.test"], to(("a", 0)))), 2) == {"a": 2}


def test_nginx_counts_weights_against_their_total():
    canary = objects.ingress("shop.test", "canary", name="c", canary="true", canary_weight="1", canary_weight_total="4")
    assert shares(table(objects.ingress("shop.test", "web"), canary), 8) == {"web": 6, "canary": 2}


def test_each_asker_takes_turns_of_its_own():
    made, turns = table(virtual_service(["shop.test"], to(("a", 50), ("b", 50)))), Turns()
    assert shares(made, 1, turns, "me") == shares(made, 1, turns, "you")


def test_turns_begin_anew_with_new_weights():
    made, turns = table(virtual_service(["shop.test"], to(("a", 90), ("b", 10)))), Turns()
    shares(made, 7, turns)
    made.put(istio.source(virtual_service(["shop.test"], to(("a", 80), ("b", 20)))))
    assert shares(made, 5, turns) == {"a": 4, "b": 1}
