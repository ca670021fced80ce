"""What the edge measures, and the traffic that it makes itself: the same on the sandbox and the real cluster."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract import traffic
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import Manifest
from tests.contract.traffic import Caller, Router, apply, host_of, lay, settle

Series = Counter[tuple[str, tuple[tuple[str, str], ...]]]
LINE = re.compile(r"(\w+)\{(.*)\} (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def series(text: str, ns: ContractNamespace) -> Series:
    """What was counted in this namespace, which is called NS here; times are left out, since only one sleeps."""
    found: Series = Counter()
    for name, labels, value in LINE.findall(text.replace(ns.name, "NS")):
        if '"NS"' in labels and not name.endswith(("_bucket", "_sum")):
            found[name, tuple(sorted(LABEL.findall(labels)))] += int(float(value))
    return found


LABELS = {
    "http_": "route_kind route namespace service workload version code",
    "istio_": (
        "reporter source_workload source_workload_namespace destination_workload destination_workload_namespace "
        "destination_app destination_version destination_service destination_service_name "
        "destination_service_namespace request_protocol response_code response_flags"
    ),
    "nginx_": (
        "controller_class controller_namespace controller_pod namespace ingress service canary status method host path"
    ),
}


def test_both_measure_under_the_same_names(
    ns: ContractNamespace, caller: Caller, exposition: Callable[[], str], router: Router
) -> None:
    lay(ns, caller)
    apply(ns, *router(host_of(ns), 20))
    settle(ns, caller, {"stable": 8, "canary": 2})
    before = series(exposition(), ns)
    caller.shares(host_of(ns), 10)
    after = series(exposition(), ns)
    grown = {key: after[key] - before[key] for key in after if after[key] != before[key]}
    assert {name: count(grown, name) for name in {key[0] for key in grown}} == expected(router)
    for name, labels in grown:
        assert {label for label, _ in labels} == set(LABELS[name.partition("_")[0] + "_"].split()), name


def count(grown: dict[Any, int], name: str) -> dict[str, int]:
    """How many requests each version got, by the label that tells them apart."""
    found: Counter[str] = Counter()
    for (metric, labels), grew in grown.items():
        if metric == name:
            said = dict(labels)
            side = said.get("version") or said.get("destination_version") or said["canary"] or "stable"
            found[re.sub(r"^NS-web-(\w+)-80$", r"\1", side)] += grew
    return dict(found)


def expected(router: Router) -> dict[str, dict[str, int]]:
    once, twice = {"stable": 8, "canary": 2}, {"stable": 16, "canary": 4}
    plain = {"http_requests_total": once, "http_request_duration_seconds_count": once}
    if router is traffic.nginx:
        names = ("requests", "request_duration_seconds_count", "response_duration_seconds_count")
        return {**plain, **{f"nginx_ingress_controller_{name}": once for name in names}}
    return {**plain, "istio_requests_total": twice, "istio_request_duration_milliseconds_count": twice}


@pytest.fixture
def sent(exposition: Callable[[], str], ns: ContractNamespace) -> Callable[[], int]:
    def total() -> int:
        counted = series(exposition(), ns)
        return sum(value for (name, _), value in counted.items() if name == "http_requests_total")

    return total


def traffic_config(host: str) -> Manifest:
    data = {"host": host, "rps": "20", "path": "/x", "headers": '{"x-canary": "always"}'}
    metadata = {"name": "traffic", "labels": {"test.slipway/traffic": "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_a_config_map_asks_for_traffic_with_headers(
    ns: ContractNamespace, caller: Caller, exposition: Any, sent: Any
) -> None:
    lay(ns, caller)
    apply(ns, *traffic.nginx(host_of(ns), 0))
    settle(ns, caller, {"canary": 10}, x_canary="always")
    before = series(exposition(), ns)
    apply(ns, traffic_config(host_of(ns)))
    total = sum(before[key] for key in before if key[0] == "http_requests_total")
    ns.until(lambda: sent() >= total + 10)
    after = series(exposition(), ns)
    grown = {dict(labels)["version"] for name, labels in after - before if name == "http_requests_total"}
    assert grown == {"canary"}


def test_an_annotation_asks_for_traffic_until_it_is_gone(ns: ContractNamespace, caller: Caller, sent: Any) -> None:
    lay(ns, caller)
    plain = traffic.ingress("web", host_of(ns), "web-stable")
    asking = {**plain, "metadata": {**plain["metadata"], "annotations": {"test.slipway/rps": "20"}}}
    apply(ns, asking)
    begun = sent()
    ns.until(lambda: sent() >= begun + 10)
    apply(ns, plain)
    ns.until(lambda: sent() == _after(ns, 0.3, sent))


def _after(ns: ContractNamespace, seconds: float, value: Callable[[], int]) -> int:
    """The value a little later, asked anew."""
    waited: Iterator[bool] = iter([False] * int(seconds / 0.05) + [True])
    ns.until(lambda: next(waited))
    return value()
