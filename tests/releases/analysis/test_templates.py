"""The queries, as text: what a wrong label would break in silence is seen here."""

import re

import pytest

from releases.analysis.metrics import Metric
from releases.analysis.templates import Queries, Side, queries
from tests.releases.analysis.routes import ROUTERS, route

SUCCESS = Metric.from_json({"template": "success-rate"})
LATENCY = Metric.from_json({"template": "latency"})
STRINGS = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`""")
ISTIO = 'reporter="destination",destination_workload_namespace="shop",destination_workload="web-canary"'
GATEWAY = 'reporter="source",destination_service_namespace="shop",destination_service_name="web-canary"'
NGINX = 'namespace="shop",ingress="front",canary!=""'
PODS = 'namespace="shop",pod=~"web-canary-[a-z0-9]+-[a-z0-9]{5}"'


def rate(counter: str, series: str, good: str) -> str:
    return f"100 * (sum(rate({counter}{{{series},{good}}}[60s])) or vector(0)) / sum(rate({counter}{{{series}}}[60s]))"


def p99(histogram: str, series: str) -> str:
    return f"histogram_quantile(0.99, sum(rate({histogram}_bucket{{{series}}}[60s])) by (le))"


MESH_RATE = rate("istio_requests_total", ISTIO, 'response_code!~"5.*"')
OWN_RATE = rate("http_requests_total", PODS, 'code!~"5.*",status!~"5.*"')


@pytest.mark.parametrize(
    ("router", "success", "latency", "requests"),
    [
        (
            "istio",
            MESH_RATE,
            p99("istio_request_duration_milliseconds", ISTIO),
            f"sum(increase(istio_requests_total{{{ISTIO}}}[60s]))",
        ),
        (
            "gateway",
            rate("istio_requests_total", GATEWAY, 'response_code!~"5.*"'),
            p99("istio_request_duration_milliseconds", GATEWAY),
            f"sum(increase(istio_requests_total{{{GATEWAY}}}[60s]))",
        ),
        (
            "nginx",
            rate("nginx_ingress_controller_requests", NGINX, 'status!~"5.*"'),
            "1000 * " + p99("nginx_ingress_controller_response_duration_seconds", NGINX),
            f"sum(increase(nginx_ingress_controller_requests{{{NGINX}}}[60s]))",
        ),
        (
            "service",
            f"({MESH_RATE}) or ({OWN_RATE})",
            (
                f"({p99('istio_request_duration_milliseconds', ISTIO)}) "
                f"or (1000 * {p99('http_request_duration_seconds', PODS)})"
            ),
            (
                f"(sum(increase(istio_requests_total{{{ISTIO}}}[60s]))) "
                f"or (sum(increase(http_requests_total{{{PODS}}}[60s])))"
            ),
        ),
    ],
)
def test_each_router_has_its_queries(router: str, success: str, latency: str, requests: str) -> None:
    assert queries(SUCCESS, route(router), "canary", 60) == Queries(success, requests)
    assert queries(LATENCY, route(router), "canary", 60) == Queries(latency, requests)


@pytest.mark.parametrize(
    ("router", "words"),
    [
        ("istio", 'destination_workload="web"'),
        ("gateway", 'destination_service_name="web-http"'),
        ("nginx", 'ingress="front",canary=""'),
        ("service", 'destination_workload="web"'),
    ],
)
def test_stable_is_asked_for_apart_from_the_canary(router: str, words: str) -> None:
    found = queries(SUCCESS, route(router), "stable", 60)

    assert words in found.value
    assert words in found.requests


def test_a_side_that_is_alone_at_an_ingress_has_all_of_its_traffic() -> None:
    found = queries(SUCCESS, route("nginx"), "canary", 60, alone=True)

    assert 'namespace="shop",ingress="front"}' in found.value
    assert "canary" not in found.value


@pytest.mark.parametrize(
    ("side", "mine", "others"),
    [
        ("stable", ["web-5d4f8c7b9-abcde"], ["web-canary-5d4f8c7b9-abcde", "web-api-5d4f8c7b9-abcde", "web-0"]),
        ("canary", ["web-canary-5d4f8c7b9-abcde"], ["web-5d4f8c7b9-abcde", "web-canary-api-5d4f8c7b9-abcde"]),
    ],
)
def test_the_pods_of_a_side_are_told_apart_by_name(side: Side, mine: list[str], others: list[str]) -> None:
    metric = Metric.from_json({"name": "own", "query": "{{pods}}", "max": 1})
    pattern = re.compile(queries(metric, route("service"), side, 60).value)

    assert all(pattern.fullmatch(name) for name in mine)
    assert not any(pattern.fullmatch(name) for name in others)


@pytest.mark.parametrize(
    ("side", "filled"),
    [
        ("canary", 'a{n="shop",w="web",s="web-http",c="web-canary",b="web-http",t="web-canary",i="front"}[45s]'),
        ("stable", 'a{n="shop",w="web",s="web-http",c="web-canary",b="web-http",t="web",i="front"}[45s]'),
    ],
)
def test_placeholders_of_own_queries_are_filled_in(side: Side, filled: str) -> None:
    text = (
        'a{n="{{namespace}}",w="{{ workload }}",s="{{service}}",c="{{canary}}",b="{{stable}}",t="{{target}}",'
        'i="{{ingress}}"}[{{interval}}]'
    )
    metric = Metric.from_json({"name": "own", "query": text, "max": 1})

    assert queries(metric, route("istio"), side, 45).value == filled


def test_names_with_dots_match_themselves_alone() -> None:
    assert 'pod=~"web[.]v1-[a-z0-9]+' in queries(SUCCESS, route("service", "web.v1"), "stable", 60).value


@pytest.mark.parametrize("quote", ['"', "'", "`"])
@pytest.mark.parametrize("template", [SUCCESS, LATENCY, None])
@pytest.mark.parametrize("router", ROUTERS)
def test_no_name_ends_the_string_that_it_stands_in(router: str, template: Metric | None, quote: str) -> None:
    own = {"name": "own", "query": f"x{{a={quote}{{{{workload}}}}{quote},b=~{quote}{{{{pods}}}}{quote}}}", "max": 1}
    metric = template or Metric.from_json(own)
    name = f'a{quote}}} or secret{{x="'
    for side in ("canary", "stable"):
        found = queries(metric, route(router, name, service=name, object_name=name), side, 60)
        assert "secret{" not in STRINGS.sub("", found.value + found.requests)
