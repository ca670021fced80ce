"""The queries: of the routers' own metrics, one entry a router, and people's, placeholders filled in. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from environments.kube.traffic import Route
from releases.analysis.metrics import LATENCY, PLACEHOLDER, SUCCESS, Metric

Side = Literal["canary", "stable"]
BAD = '"5.*"'
SPECIAL = re.compile(r"[^A-Za-z0-9_-]")
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "'": "\\x27", "`": "\\x60", "\n": "\\n"})


@dataclass(frozen=True)
class Queries:
    """PromQL for one side: `value` in the metric's unit, `requests` within the window."""

    value: str
    requests: str


@dataclass(frozen=True)
class _Family:
    """How one kind of metrics counts requests: its names, what marks the good ones, and the latency's scale to ms."""

    counter: str
    histogram: str
    good: str
    to_milliseconds: int

    def success(self, series: str, seconds: str) -> str:
        # Where not one request went well there is no series to sum up: that is 0 %, not "no data".
        good = f"(sum(rate({self.counter}{{{series},{self.good}}}[{seconds}])) or vector(0))"
        return f"100 * {good} / sum(rate({self.counter}{{{series}}}[{seconds}]))"

    def latency(self, series: str, seconds: str) -> str:
        p99 = f"histogram_quantile(0.99, sum(rate({self.histogram}_bucket{{{series}}}[{seconds}])) by (le))"
        return p99 if self.to_milliseconds == 1 else f"{self.to_milliseconds} * {p99}"

    def requests(self, series: str, seconds: str) -> str:
        return f"sum(increase({self.counter}{{{series}}}[{seconds}]))"

    def queries(self, template: str, series: str, seconds: str) -> Queries:
        value = {SUCCESS: self.success, LATENCY: self.latency}.get(template)
        return Queries(value(series, seconds) if value else "", self.requests(series, seconds))


MESH = _Family("istio_requests_total", "istio_request_duration_milliseconds", f"response_code!~{BAD}", 1)
INGRESS = _Family(
    "nginx_ingress_controller_requests", "nginx_ingress_controller_response_duration_seconds", f"status!~{BAD}", 1000
)
APPLICATION = _Family("http_requests_total", "http_request_duration_seconds", f"code!~{BAD},status!~{BAD}", 1000)


class _Wanted(NamedTuple):
    """`seconds` as PromQL writes them; `alone`: all traffic of the route goes to this side."""

    template: str
    route: Route
    side: Side
    seconds: str
    alone: bool

    def of(self, family: _Family, series: str) -> Queries:
        return family.queries(self.template, series, self.seconds)


def queries(metric: Metric, route: Route, side: Side, seconds: float, *, alone: bool = False) -> Queries:
    """What to ask for one side over the last `seconds`. `alone`: all traffic of the route goes to this side.

    KeyError names a router that has no templates.
    """
    interval = f"{max(1, round(seconds))}s"
    found = ROUTERS[route.router](_Wanted(metric.template, route, side, interval, alone))
    return Queries(fill(metric.query, route, side, interval), found.requests) if metric.query else found


def fill(query: str, route: Route, side: Side, interval: str) -> str:
    """The query with its placeholders filled in; values stand inside of quotes or, {{interval}}, in brackets."""
    values = {
        "namespace": route.namespace,
        "workload": route.workload,
        "service": route.service,
        "canary": route.canary,
        "stable": route.stable,
        "target": target(route, side),
        "pods": pods(route, side),
        "ingress": _name(route),
        "interval": interval,
    }
    return PLACEHOLDER.sub(lambda found: _escaped(values[found[1]]), query)


def target(route: Route, side: Side) -> str:
    """The Deployment of a side; the canary's is named like its Service."""
    return route.canary if side == "canary" else route.workload


def pods(route: Route, side: Side) -> str:
    """A regular expression that the names of a side's pods match, and no others'."""
    return f"{SPECIAL.sub(_literal, target(route, side))}-[a-z0-9]+-[a-z0-9]{{5}}"


def _literal(special: re.Match[str]) -> str:
    return "[.]" if special[0] == "." else f"\\x{{{ord(special[0]):x}}}"


def _istio(wanted: _Wanted) -> Queries:
    # The side that answers counts: it alone knows the workload behind a Service that both sides share.
    return wanted.of(MESH, _by_workload(wanted.route, wanted.side))


def _gateway(wanted: _Wanted) -> Queries:
    # Each side has a Service. The gateway's own count has the requests too that found no endpoint there.
    route = wanted.route
    return wanted.of(
        MESH,
        _series(
            reporter="source",
            destination_service_namespace=route.namespace,
            destination_service_name=route.canary if wanted.side == "canary" else route.stable or route.service,
        ),
    )


def _nginx(wanted: _Wanted) -> Queries:
    series = f"{_series(namespace=wanted.route.namespace)},{_ingresses(wanted.route)}"
    sides = {"canary": ',canary!=""', "stable": ',canary=""'}
    return wanted.of(INGRESS, series if wanted.alone else series + sides[wanted.side])


def _service(wanted: _Wanted) -> Queries:
    # A mesh's metrics where there is one, otherwise what the pods say of themselves.
    route, side = wanted.route, wanted.side
    mesh = wanted.of(MESH, _by_workload(route, side))
    own = wanted.of(APPLICATION, f'{_series(namespace=route.namespace)},pod=~"{_escaped(pods(route, side))}"')
    value = f"({mesh.value}) or ({own.value})" if wanted.template else ""
    return Queries(value, f"({mesh.requests}) or ({own.requests})")


ROUTERS: Mapping[str, Callable[[_Wanted], Queries]] = {
    "istio": _istio,
    "gateway": _gateway,
    "nginx": _nginx,
    "service": _service,
}


def _by_workload(route: Route, side: Side) -> str:
    return _series(
        reporter="destination", destination_workload_namespace=route.namespace, destination_workload=target(route, side)
    )


def _series(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _ingresses(route: Route) -> str:
    """Every Ingress by which the route's requests come in."""
    if not route.measured_with:
        return _series(ingress=_name(route))
    names = "|".join(SPECIAL.sub(_literal, name) for name in (_name(route), *route.measured_with))
    return f'ingress=~"{_escaped(names)}"'


def _name(route: Route) -> str:
    return route.object.name if route.object else ""


def _escaped(value: str) -> str:
    """A value that ends no string of PromQL, whatever it is quoted by."""
    return value.translate(ESCAPES)
