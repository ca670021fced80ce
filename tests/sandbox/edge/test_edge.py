"""Requests through the edge to simulated pods, and what is measured of them."""

import json
from collections import Counter
from typing import Any

import pytest

from sandbox import recorded
from sandbox.edge.edge import EdgeAnswer
from sandbox.edge.model import EdgeRequest
from sandbox.store import key_of
from tests.sandbox.edge import objects
from tests.sandbox.edge.objects import Manifest, http_route, to, virtual_service
from tests.sandbox.world import World, pod

LISTENS = {"ports": [{"containerPort": 8080}]}


class Shop(World):
    """A world with every definition."""

    def __init__(self) -> None:
        super().__init__()
        recorded.install(self.api, recorded.SETS)
        self.edge = self.simulation.edge

    def pod(self, name: str, version: str = "1", container: Manifest = LISTENS, **behaviour: Any) -> None:
        manifest = pod(name, behaviour, container=container)
        labels = {"app": "web", "version": version}
        self.create({**manifest, "metadata": {**manifest["metadata"], "labels": labels}})

    def put(self, manifest: Manifest) -> None:
        """Replaces an object's annotations and specification."""

        def edit(obj: Manifest) -> None:
            obj["metadata"]["annotations"] = manifest["metadata"].get("annotations") or {}
            obj.update({key: manifest[key] for key in ("spec", "data") if key in manifest})

        self.client.change(key_of(manifest), edit)

    def status_of(self, kind: str, name: str, group: str = "gateway.networking.k8s.io") -> Manifest:
        return self.client.get(group, kind, "d", name).get("status") or {}

    def ask(self, host: str = "web.d", path: str = "/", **headers: str) -> EdgeAnswer:
        named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self.edge.answer(EdgeRequest(host, path, headers=named), "test")
        self.edge.count(answer)
        return answer

    def shares(self, count: int, host: str = "web.d", **headers: str) -> dict[str, int]:
        return dict(Counter(_told(self.ask(host, **headers)) for _ in range(count)))

    def counted(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The values of a metric by some of its labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for sample in self.simulation.cluster.metrics.samples():
            if sample.name == name:
                found[tuple(dict(sample.labels)[label] for label in labels)] += sample.value
        return dict(found)


def _told(answer: EdgeAnswer) -> str:
    content = json.loads(answer.reply.body)
    return content["pod"] if answer.reply.status == 200 else str(answer.reply.status)


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    made.create(objects.service())
    return made


def test_a_service_goes_round_its_ready_pods(shop: Shop):
    for name in "abc":
        shop.pod(name)
    assert shop.after(5).shares(9) == {"a": 3, "b": 3, "c": 3}


def test_nobody_is_there_before_a_pod_is_ready(shop: Shop):
    shop.pod("a", startup_seconds=2)
    assert shop.after(1).shares(1) == {"503": 1}
    assert shop.after(5).shares(1) == {"a": 1}


def test_a_pod_that_goes_gets_no_more_requests(shop: Shop):
    shop.pod("a", shutdown_seconds=2)
    shop.pod("b")
    shop.after(5).delete("Pod", "a")
    assert shop.after(0.5).shares(4) == {"b": 4}


def test_a_pod_that_does_not_listen_there_refuses_and_the_next_is_tried(shop: Shop):
    shop.pod("a", container={"ports": [{"containerPort": 9}]})
    shop.pod("b")
    assert shop.after(5).shares(4) == {"b": 4}
    shop.delete("Pod", "b")
    assert shop.after(5).shares(1) == {"503": 1}


def test_errors_and_times_are_as_the_pod_behaves(shop: Shop):
    shop.pod("a", error_rate=0.25, latency_ms=300)
    answers = [shop.after(5).ask() for _ in range(8)]
    assert Counter(answer.reply.status for answer in answers) == {200: 6, 500: 2}
    assert [answer.seconds for answer in answers] == [pytest.approx(0.301)] * 8


def test_health_checks_answer_through_the_edge_too(shop: Shop):
    shop.pod("a", health={"/slow": 418}, error_rate=1)
    shop.after(5)
    assert [shop.ask(path=path).reply.status for path in ("/healthz", "/slow", "/")] == [200, 418, 500]


def test_the_pod_hears_the_host_and_the_headers_that_a_route_sets(shop: Shop):
    shop.pod("a")
    modifier = {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "Host", "value": "b.test"}]},
    }
    rule = {"backendRefs": [{"name": "web", "port": 80}], "filters": [modifier]}
    shop.create(objects.gateway())
    shop.create(http_route(["a.test"], rule))
    shop.after(5)
    assert json.loads(shop.ask("a.test", "/x").reply.body)["host"] == "b.test"
    assert json.loads(shop.ask("web.d", "/x").reply.body)["host"] == "web.d"


def subsets(**versions: str) -> Manifest:
    named = [{"name": name, "labels": {"version": version}} for name, version in versions.items()]
    spec = {"host": "web", "subsets": named}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": objects.meta("web"),
        "spec": spec,
    }


def test_subsets_choose_by_the_pods_labels(shop: Shop):
    shop.pod("a", "1")
    shop.pod("b", "2")
    shop.create(subsets(one="1", two="2"))
    shop.create(virtual_service(["a.test"], to(("web/one", 75), ("web/two", 25))))
    assert shop.after(5).shares(8, "a.test") == {"a": 6, "b": 2}
    shop.put(subsets(one="1", two="3"))
    assert shop.after(1).shares(4, "a.test") == {"a": 3, "503": 1}


# -- the Gateway API's status ------------------------------------------------------------------------------------------


def verdicts(status: Manifest) -> dict[str, tuple[str, str, int]]:
    parents = status.get("parents") or [status]
    return {
        item["type"]: (item["status"], item["reason"], item["observedGeneration"]) for item in parents[0]["conditions"]
    }


def to_web(name: str = "web") -> Manifest:
    return http_route(["a.test"], {"backendRefs": [{"name": name, "port": 80}]})


def test_a_route_follows_its_gateway(shop: Shop):
    shop.pod("a")
    shop.create(to_web())
    refused = {"Accepted": ("False", "NoMatchingParent", 1), "ResolvedRefs": ("True", "ResolvedRefs", 1)}
    assert verdicts(shop.after(5).status_of("HTTPRoute", "web")) == refused
    assert shop.shares(1, "a.test") == {"404": 1}
    shop.create(objects.gateway())
    assert verdicts(shop.after(1).status_of("HTTPRoute", "web"))["Accepted"] == ("True", "Accepted", 1)
    assert shop.shares(1, "a.test") == {"a": 1}
    shop.client.delete(key_of(objects.gateway()))
    assert verdicts(shop.after(1).status_of("HTTPRoute", "web")) == refused
    assert shop.shares(1, "a.test") == {"404": 1}


def test_a_route_says_when_its_service_is_not_there(shop: Shop):
    shop.create(objects.gateway())
    shop.create(to_web("lost"))
    assert verdicts(shop.after(1).status_of("HTTPRoute", "web"))["ResolvedRefs"] == ("False", "BackendNotFound", 1)
    shop.create(objects.service("lost"))
    assert verdicts(shop.after(1).status_of("HTTPRoute", "web"))["ResolvedRefs"] == ("True", "ResolvedRefs", 1)


def test_conditions_keep_their_time_while_their_status_stays(shop: Shop):
    shop.create(objects.gateway())
    shop.create(to_web())
    before = shop.after(1).status_of("HTTPRoute", "web")["parents"][0]["conditions"][0]
    shop.put(http_route(["b.test"], {"backendRefs": [{"name": "web", "port": 80}]}))
    after = shop.after(60).status_of("HTTPRoute", "web")["parents"][0]["conditions"][0]
    assert (before["observedGeneration"], after["observedGeneration"]) == (1, 2)
    assert before["lastTransitionTime"] == after["lastTransitionTime"]


def test_a_gateway_counts_its_routes(shop: Shop):
    shop.create(objects.gateway())
    shop.create(to_web())
    status = shop.after(1).status_of("Gateway", "edge")
    assert verdicts(status) == {"Accepted": ("True", "Accepted", 1), "Programmed": ("True", "Programmed", 1)}
    assert [(item["name"], item["attachedRoutes"]) for item in status["listeners"]] == [("http", 1)]
    shop.client.delete(key_of(to_web()))
    assert shop.after(1).status_of("Gateway", "edge")["listeners"][0]["attachedRoutes"] == 0


# -- what is held ------------------------------------------------------------------------------------------------------


def held(manifest: Manifest) -> Manifest:
    said = {**manifest["metadata"].get("annotations", {}), "test.slipway/hold": "true"}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": said}}


def test_a_held_route_stays_as_it_was_and_its_status_too(shop: Shop):
    shop.pod("a")
    shop.create(objects.gateway())
    shop.create(to_web())
    shop.after(5).put(held(to_web("lost")))
    assert shop.after(1).shares(1, "a.test") == {"a": 1}
    assert verdicts(shop.status_of("HTTPRoute", "web"))["ResolvedRefs"] == ("True", "ResolvedRefs", 1)
    shop.put(to_web("lost"))
    assert shop.after(1).shares(1, "a.test") == {"503": 1}


def test_what_is_held_from_the_start_is_never_taken_up(shop: Shop):
    shop.create(held(objects.ingress("a.test", "web")))
    assert shop.after(1).shares(1, "a.test") == {"404": 1}
    assert shop.status_of("Ingress", "web", "networking.k8s.io") == {"loadBalancer": {}}


# -- measures ----------------------------------------------------------------------------------------------------------


def test_a_mesh_is_measured_at_both_ends(shop: Shop):
    shop.pod("a", "2", latency_ms=40)
    shop.after(5).shares(4)
    assert shop.counted("istio_requests_total", "reporter", "destination_version", "response_code") == {
        ("source", "2", "200"): 4,
        ("destination", "2", "200"): 4,
    }
    assert shop.counted("istio_request_duration_milliseconds_bucket", "reporter", "le") | {
        ("source", "25"): 0,
        ("source", "50"): 4,
    } == shop.counted("istio_request_duration_milliseconds_bucket", "reporter", "le")


def test_where_nobody_is_only_the_caller_reports(shop: Shop):
    shop.after(1).shares(2)
    assert shop.counted("istio_requests_total", "reporter", "response_flags", "destination_workload") == {
        ("source", "UH", "unknown"): 2
    }


def test_nginx_tells_the_canary_by_its_upstream(shop: Shop):
    shop.pod("a")
    shop.create(objects.service("web-canary"))
    shop.create(objects.ingress("a.test", "web"))
    shop.create(objects.ingress("a.test", "web-canary", name="c", canary="true", canary_weight="25"))
    shop.after(5).shares(8, "a.test")
    assert shop.counted("nginx_ingress_controller_requests", "ingress", "service", "canary") == {
        ("web", "web", ""): 6,
        ("web", "web", "d-web-canary-80"): 2,
    }
    assert shop.counted("nginx_ingress_controller_request_duration_seconds_count", "host") == {("a.test",): 8}
    assert shop.counted("istio_requests_total") == {}


def test_every_route_is_measured_by_workload(shop: Shop):
    shop.pod("a", "2", error_rate=0.5)
    shop.after(5).shares(4)
    assert shop.counted("http_requests_total", "route_kind", "route", "workload", "version", "code") == {
        ("Service", "web", "a", "2", "200"): 2,
        ("Service", "web", "a", "2", "500"): 2,
    }


def test_a_mirror_gets_the_same_requests_and_is_measured(shop: Shop):
    shop.pod("a")
    shop.create(objects.service("shadow"))
    shop.create(virtual_service(["a.test"], to(("web", None), mirror={"host": "shadow"})))
    assert shop.after(5).shares(3, "a.test") == {"a": 3}
    assert shop.counted("http_requests_total", "service") == {("web",): 3, ("shadow",): 3}
