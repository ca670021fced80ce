"""How requests find their pods: the sandbox's edge does what the real cluster's does, with every kind of router."""

from typing import Any

from environments.kube.objects import Ref
from tests.contract import traffic
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import Manifest
from tests.contract.traffic import Caller, Router, apply, host_of, lay, settle

HOLD = "test.slipway/hold"


# -- weights -----------------------------------------------------------------------------------------------------------


def test_weights_are_met_exactly(ns: ContractNamespace, caller: Caller, router: Router) -> None:
    lay(ns, caller)
    apply(ns, *router(host_of(ns), 20))
    settle(ns, caller, {"stable": 8, "canary": 2})
    assert caller.shares(host_of(ns), 100) == {"stable": 80, "canary": 20}


def test_another_weight_counts_from_now_on(ns: ContractNamespace, caller: Caller, router: Router) -> None:
    lay(ns, caller)
    apply(ns, *router(host_of(ns), 0))
    settle(ns, caller, {"stable": 10})
    apply(ns, *router(host_of(ns), 50))
    settle(ns, caller, {"stable": 5, "canary": 5})
    apply(ns, *router(host_of(ns), 100))
    settle(ns, caller, {"canary": 10})


def test_a_header_or_a_cookie_brings_testers_to_the_canary(
    ns: ContractNamespace, caller: Caller, router: Router
) -> None:
    lay(ns, caller)
    apply(ns, *router(host_of(ns), 0))
    settle(ns, caller, {"canary": 10}, x_canary="always")
    assert caller.shares(host_of(ns), 10, cookie="a=b; canary=always") == {"canary": 10}
    assert caller.shares(host_of(ns), 10, x_canary="other", cookie="canary=other") == {"stable": 10}


def test_a_canary_without_pods_answers_503(ns: ContractNamespace, caller: Caller, router: Router) -> None:
    lay(ns, caller)
    apply(ns, *router(host_of(ns), 20))
    settle(ns, caller, {"stable": 8, "canary": 2})
    apply(ns, traffic.workload("canary", 0))
    settle(ns, caller, {"stable": 8, "503": 2})


def test_a_service_shares_by_its_pods(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller, stable=4, canary=1)
    assert caller.shares(f"web.{ns.name}", 100) == {"stable": 80, "canary": 20}
    assert caller.shares(f"web.{ns.name}.svc.cluster.local:80", 10) == {"stable": 8, "canary": 2}


def test_errors_come_in_their_exact_share(ns: ContractNamespace, caller: Caller, router: Router) -> None:
    lay(ns, caller, error_rate=0.5)
    apply(ns, *router(host_of(ns), 20))
    settle(ns, caller, {"stable": 8, "canary": 1, "500": 1})
    assert caller.shares(host_of(ns), 100) == {"stable": 80, "canary": 10, "500": 10}


# -- Istio -------------------------------------------------------------------------------------------------------------


def virtual_service(hosts: list[str], *http: Manifest) -> Manifest:
    spec = {"hosts": hosts, "http": list(http)}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web"},
        "spec": spec,
    }


def to(service: str, **match: Any) -> Manifest:
    return {"route": [{"destination": {"host": service}}], **({"match": [match]} if match else {})}


def test_a_subset_that_nobody_defines_has_no_endpoints(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    rule, service = traffic.istio(host_of(ns), 20)
    apply(ns, service)
    settle(ns, caller, {"503": 10})
    apply(ns, rule)
    settle(ns, caller, {"stable": 8, "canary": 2})


def test_a_virtual_service_of_a_services_name_applies_to_its_host(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    apply(ns, virtual_service(["web"], to("web-canary")))
    ns.until(lambda: caller.shares(f"web.{ns.name}", 4) == {"canary": 4})
    assert caller.ask(f"web-stable.{ns.name}") == "stable"


ISTIO_MATCHES = [
    ({"uri": {"prefix": "/api"}}, "/api/x", {}, "canary"),
    ({"uri": {"prefix": "/api"}}, "/other", {}, "stable"),
    ({"uri": {"exact": "/api"}}, "/api", {}, "canary"),
    ({"uri": {"exact": "/api"}}, "/api/x", {}, "stable"),
    ({"uri": {"regex": "/v[0-9]+/.*"}}, "/v2/x", {}, "canary"),
    ({"uri": {"regex": "/v[0-9]+"}}, "/v2/x", {}, "stable"),
    ({"headers": {"x-group": {"exact": "b"}}}, "/", {"x_group": "b"}, "canary"),
    ({"headers": {"x-group": {"exact": "b"}}}, "/", {}, "stable"),
    ({"headers": {"x-group": {"prefix": "b"}}}, "/", {"x_group": "beta"}, "canary"),
    ({"headers": {"x-group": {"regex": "b|c"}}}, "/", {"x_group": "c"}, "canary"),
    ({"headers": {"x-group": {"regex": "b|c"}}}, "/", {"x_group": "cc"}, "stable"),
    ({"headers": {"x-group": {}}}, "/", {"x_group": "any"}, "canary"),
    ({"headers": {"x-group": {}}}, "/", {}, "stable"),
    ({"queryParams": {"beta": {"exact": "1"}}}, "/?beta=1", {}, "canary"),
    ({"queryParams": {"beta": {"exact": "1"}}}, "/?beta=2", {}, "stable"),
    ({"method": {"exact": "POST"}}, "/", {}, "stable"),
    ({"uri": {"prefix": "/api"}, "headers": {"x-group": {"exact": "b"}}}, "/api", {}, "stable"),
]


def test_istios_matches_choose_the_route(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    wrong = []
    for number, (match, path, headers, wanted) in enumerate(ISTIO_MATCHES):
        host = f"m{number}.{host_of(ns)}"
        manifest = virtual_service([host], to("web-canary", **match), to("web-stable"))
        apply(ns, {**manifest, "metadata": {"name": f"m{number}"}})
        ns.until(lambda host=host: caller.ask(host, "/none") != "404")
        got = caller.ask(host, path, **headers)
        wrong += [(match, path, headers, got)] if got != wanted else []
    assert wrong == []


def test_a_virtual_service_comes_before_an_ingress_of_the_same_host(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    apply(ns, traffic.ingress("web", host_of(ns), "web-stable"))
    settle(ns, caller, {"stable": 10})
    apply(ns, virtual_service([host_of(ns)], to("web-canary")))
    settle(ns, caller, {"canary": 10})


# -- Gateway API -------------------------------------------------------------------------------------------------------


def verdicts(ns: ContractNamespace) -> dict[str, tuple[str, str, int]]:
    """Status, reason and generation of each condition of the route's parent."""
    route = ns.found(ns.ref("HTTPRoute", "web", "gateway.networking.k8s.io/v1"))
    parents = (route.get("status") or {}).get("parents") or [{}]
    found = parents[0].get("conditions") or ()
    generation = route["metadata"]["generation"]
    return {item["type"]: (item["status"], item["reason"], item["observedGeneration"] - generation) for item in found}


def test_a_route_is_accepted_at_its_generation(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    wanted = {"Accepted": ("True", "Accepted", 0), "ResolvedRefs": ("True", "ResolvedRefs", 0)}
    apply(ns, *traffic.gateway(host_of(ns), 20))
    ns.until(lambda: verdicts(ns) == wanted)
    apply(ns, traffic.http_route(host_of(ns), 30))
    ns.until(lambda: verdicts(ns) == wanted)


def test_a_route_without_its_gateway_is_not_accepted_and_takes_no_request(
    ns: ContractNamespace, caller: Caller
) -> None:
    lay(ns, caller)
    apply(ns, traffic.http_route(host_of(ns), 20))
    ns.until(lambda: verdicts(ns).get("Accepted") == ("False", "NoMatchingParent", 0))
    assert caller.ask(host_of(ns)) == "404"
    apply(ns, traffic.gateway(host_of(ns), 20)[0])
    settle(ns, caller, {"stable": 8, "canary": 2})
    ns.until(lambda: verdicts(ns)["Accepted"] == ("True", "Accepted", 0))


def test_a_backend_that_is_not_there_is_said(ns: ContractNamespace, caller: Caller) -> None:
    ns.apply(traffic.service("web-stable", version="stable"))
    apply(ns, *traffic.gateway(host_of(ns), 20))
    ns.until(lambda: verdicts(ns).get("ResolvedRefs") == ("False", "BackendNotFound", 0))
    apply(ns, traffic.service("web-canary", version="canary"))


def test_a_gateway_and_its_class_say_that_they_are_programmed(ns: ContractNamespace) -> None:
    name = f"class-{ns.name}"
    spec = {"controllerName": "test.slipway/edge"}
    ns.gateway.create(
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name}, "spec": spec}
    )
    ref = Ref("gateway.networking.k8s.io/v1", "GatewayClass", "", name)
    ns.afterwards_delete(ref)
    apply(ns, *traffic.gateway(host_of(ns), 20))
    ns.until(lambda: ("Accepted", "True") in conditions(ns, ref))
    gateway = ns.ref("Gateway", "edge", "gateway.networking.k8s.io/v1")
    ns.until(lambda: conditions(ns, gateway) == {("Accepted", "True"), ("Programmed", "True")})
    ns.until(lambda: ns.found(gateway)["status"]["listeners"][0]["attachedRoutes"] == 1)


def conditions(ns: ContractNamespace, ref: Ref) -> set[tuple[str, str]]:
    found = (ns.found(ref).get("status") or {}).get("conditions") or ()
    return {(item["type"], item["status"]) for item in found}


GATEWAY_MATCHES = [
    ({"path": {"type": "PathPrefix", "value": "/api"}}, "/api/x", {}, "canary"),
    ({"path": {"type": "PathPrefix", "value": "/api"}}, "/apis", {}, "stable"),
    ({"path": {"type": "Exact", "value": "/api"}}, "/api", {}, "canary"),
    ({"path": {"type": "Exact", "value": "/api"}}, "/api/x", {}, "stable"),
    ({"headers": [{"name": "X-Group", "value": "b"}]}, "/", {"x_group": "b"}, "canary"),
    ({"headers": [{"name": "X-Group", "value": "b"}]}, "/", {"x_group": "c"}, "stable"),
    ({"queryParams": [{"name": "beta", "value": "1"}]}, "/?beta=1", {}, "canary"),
    ({"method": "POST"}, "/", {}, "stable"),
]


def test_the_more_specific_match_of_a_route_comes_first(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    base = traffic.gateway(host_of(ns), 20)
    apply(ns, base[0])
    wrong = []
    for number, (match, path, headers, wanted) in enumerate(GATEWAY_MATCHES):
        host = f"m{number}.{host_of(ns)}"
        rules = [
            {"backendRefs": [{"name": "web-stable", "port": 80}]},
            {"matches": [match], "backendRefs": [{"name": "web-canary", "port": 80}]},
        ]
        spec = {"parentRefs": [{"name": "edge"}], "hostnames": [host], "rules": rules}
        apply(ns, {**base[1], "metadata": {"name": f"m{number}"}, "spec": spec})
        ns.until(lambda host=host: caller.ask(host, "/none") != "404")
        got = caller.ask(host, path, **headers)
        wrong += [(match, path, headers, got)] if got != wanted else []
    assert wrong == []


# -- Ingress -----------------------------------------------------------------------------------------------------------


def test_the_longest_path_of_an_ingress_comes_first_and_its_paths_are_whole_segments(
    ns: ContractNamespace, caller: Caller
) -> None:
    lay(ns, caller)
    host = host_of(ns)
    apply(ns, traffic.ingress("web", host, "web-stable"), traffic.ingress("api", host, "web-canary", "/api"))
    ns.until(lambda: caller.ask(host, "/api") == "canary" and caller.ask(host) == "stable")
    asked = {path: caller.ask(host, path) for path in ("/api/x", "/apis", "/other")}
    assert asked == {"/api/x": "canary", "/apis": "stable", "/other": "stable"}


def test_never_keeps_from_the_canary_and_removing_it_brings_all_back(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    apply(ns, *traffic.nginx(host_of(ns), 100))
    settle(ns, caller, {"canary": 10})
    assert caller.shares(host_of(ns), 5, x_canary="never") == {"stable": 5}
    assert caller.shares(host_of(ns), 5, cookie="canary=never") == {"stable": 5}
    ns.gateway.delete(ns.ref("Ingress", "web-canary", "networking.k8s.io/v1"))
    settle(ns, caller, {"stable": 10})


HEADERS = [
    ({"canary-by-header-value": "beta"}, "beta", "canary"),
    ({"canary-by-header-value": "beta"}, "always", "stable"),
    ({"canary-by-header-pattern": "beta|gamma"}, "gamma", "canary"),
    ({"canary-by-header-pattern": "beta|gamma"}, "gammas", "stable"),
]


def test_a_canarys_header_may_have_a_value_or_a_pattern(ns: ContractNamespace, caller: Caller) -> None:
    lay(ns, caller)
    wrong = []
    for number, (said, sent, wanted) in enumerate(HEADERS):
        host = f"h{number}.{host_of(ns)}"
        main, canary = traffic.nginx(host, 0)
        annotations = {
            **canary["metadata"]["annotations"],
            **{traffic.NGINX + key: value for key, value in said.items()},
        }
        names = ({"name": f"h{number}"}, {"name": f"h{number}-canary", "annotations": annotations})
        apply(ns, *({**item, "metadata": name} for item, name in zip((main, canary), names, strict=True)))
        ns.until(lambda host=host: caller.ask(host, cookie="canary=always") == "canary")
        got = caller.ask(host, x_canary=sent)
        wrong += [(said, sent, got)] if got != wanted else []
    assert wrong == []


# -- holding -----------------------------------------------------------------------------------------------------------


def test_what_is_held_stays_as_it_was(ns: ContractNamespace, caller: Caller, router: Router) -> None:
    lay(ns, caller)
    manifests = router(host_of(ns), 20)
    apply(ns, *manifests)
    settle(ns, caller, {"stable": 8, "canary": 2})
    held = router(host_of(ns), 100)[-1]
    said = {**held["metadata"].get("annotations", {}), HOLD: "true"}
    apply(ns, {**held, "metadata": {**held["metadata"], "annotations": said}})
    apply(ns, traffic.ingress("other", f"other.{ns.name}.test", "web-stable"))
    ns.until(lambda: caller.ask(f"other.{ns.name}.test") == "stable")
    assert caller.shares(host_of(ns), 10) == {"stable": 8, "canary": 2}
    apply(ns, held)
    settle(ns, caller, {"canary": 10})
