"""Flagger's Canary resource for a workload, and the workload's Service as Flagger leaves it to others. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import Route
from releases.errors import PlanRefused
from releases.strategies.flagger.traffic_policy import carried

API_VERSION = "flagger.app/v1beta1"
KIND = "Canary"
SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
SHORTEST_INTERVAL = 10.0
WINDOW = 30.0
LOOKS_BESIDE = 6  # of Flagger at a release besides those of its steps: notice, start, promote, route back, finish
PROVIDERS = {"istio": "istio", "nginx": "nginx", "gateway": "gatewayapi:v1", "service": "kubernetes"}
ROUTERS = {**{provider: router for router, provider in PROVIDERS.items()}, "gatewayapi:v1beta1": "gateway"}
INTERVAL, THRESHOLD, MAX_WEIGHT, STEP_WEIGHT, ITERATIONS = 60, 5, 50, 10, 10
SUCCESS_RATE, LATENCY = 99, 500
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
OF_ROUTE = ("timeout", "retries", "corsPolicy", "headers", "rewrite")


def is_canary(ref: Ref) -> bool:
    """Whether it is Flagger's resource, of whatever version."""
    return (ref.group, ref.kind) == (API_VERSION.partition("/")[0], KIND)


def seconds_of(duration: Any, default: float) -> float:
    """A Go duration such as "1m30s" in seconds; the default where it is none."""
    found = DURATION.findall(str(duration or ""))
    return sum(float(number) * UNITS[unit] for number, unit in found) if found else default


def interval_of(canary: Mapping[str, Any]) -> float:
    """Seconds between two looks of Flagger at a Canary."""
    analysis = canary["spec"].get("analysis") or {}
    return max(SHORTEST_INTERVAL, seconds_of(analysis.get("interval"), INTERVAL))


def threshold_of(canary: Mapping[str, Any]) -> int:
    """After how many failed checks Flagger gives a release up."""
    return max(1, int((canary["spec"].get("analysis") or {}).get("threshold") or 0))


def steps_of(canary: Mapping[str, Any]) -> int:
    """How many steps a release takes that fails no check."""
    analysis = canary["spec"].get("analysis") or {}
    if analysis.get("iterations"):
        return int(analysis["iterations"])
    if analysis.get("stepWeights"):
        return len(analysis["stepWeights"])
    step = int(analysis.get("stepWeight") or 0)
    most = int(analysis.get("maxWeight") or 100)
    up = -(-most // step) if step else 1
    down = analysis.get("stepWeightPromotion")
    return up + (-(-most // int(down)) if down else 0)


def patience(canary: Mapping[str, Any], progress_seconds: float) -> float:
    """Seconds after which an analysis that neither failed nor ended is no longer waited for."""
    looks = steps_of(canary) + threshold_of(canary) + LOOKS_BESIDE
    return looks * interval_of(canary) + progress_seconds


def analysis_of(parameters: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """The analysis that the strategy's parameters ask for. Without routes Flagger can only count iterations."""
    interval = duration(parameters.get("interval", INTERVAL))
    own = [
        _metric("request-success-rate", interval, min=parameters.get("successRate", SUCCESS_RATE)),
        _metric("request-duration", interval, max=parameters.get("latency", LATENCY)),
    ]
    checks = own if parameters.get("builtIn", True) else []
    base = {"interval": interval, "threshold": parameters.get("threshold", THRESHOLD)}
    return {**base, **_pace(parameters, provider), "metrics": [*checks, *parameters.get("metrics", ())]}


def _pace(parameters: Mapping[str, Any], provider: str) -> dict[str, Any]:
    if provider == "kubernetes":
        return {"iterations": parameters.get("iterations", ITERATIONS)}
    if steps := parameters.get("stepWeights"):
        return {"stepWeights": list(steps)}
    return {
        "maxWeight": parameters.get("maxWeight", MAX_WEIGHT),
        "stepWeight": parameters.get("stepWeight", STEP_WEIGHT),
    }


def _metric(name: str, interval: str, **bounds: Any) -> dict[str, Any]:
    # Over less than half a minute a scrape that comes late is no data, which Flagger counts as a failed check.
    window = interval if seconds_of(interval, INTERVAL) >= WINDOW else "30s"
    return {"name": name, "interval": window, "thresholdRange": bounds}


def duration(seconds: float) -> str:
    """Seconds as Flagger reads them."""
    whole = int(seconds)
    return f"{whole // 60}m" if whole and whole % 60 == 0 else f"{whole}s"


def selector_label(deployment: Mapping[str, Any]) -> str:
    """The label by which Flagger tells primary and canary apart; "" where the selector has none of those it takes."""
    labels = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
    return next((name for name in SELECTOR_LABELS if name in labels), "")


def canary_of(
    deployment: Manifest,
    service: Manifest,
    route: Route,
    scaler: Ref | None,
    parameters: Mapping[str, Any],
    beside: Sequence[Manifest],
) -> Manifest:
    """The Canary for a Deployment. `beside`: the bundle's objects, of which the route's own settings are taken over.

    Raises PlanRefused where Flagger cannot do what the Service or the route says.
    """
    provider = parameters.get("provider") or PROVIDERS[route.router]
    spec: dict[str, Any] = {
        "provider": provider,
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": route.workload},
        "service": {**_service_part(deployment, service, route), **_route_part(route, beside)},
        "analysis": analysis_of(parameters, provider),
    }
    if scaler:
        spec["autoscalerRef"] = {"apiVersion": scaler.api_version, "kind": scaler.kind, "name": scaler.name}
    if route.router == "nginx" and route.object:
        reference = route.object
        spec["ingressRef"] = {"apiVersion": reference.api_version, "kind": reference.kind, "name": reference.name}
    if parameters.get("metricsServer"):
        spec["metricsServer"] = parameters["metricsServer"]
    if "progressDeadlineSeconds" in parameters:
        spec["progressDeadlineSeconds"] = int(parameters["progressDeadlineSeconds"])
    metadata = {"name": route.workload, "namespace": route.namespace}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def ports_of(service: Manifest) -> list[dict[str, Any]]:
    """The Service's ports as Flagger writes them; PlanRefused where it would write others."""
    ports = service["spec"].get("ports") or []
    name = service["metadata"]["name"]
    if not ports:
        raise PlanRefused(f"Service {name} has no port: Flagger makes Services of one. Give it one, or roll it.")
    if len(ports) > 1:
        numbers = ", ".join(str(port["port"]) for port in ports)
        raise PlanRefused(
            f"Service {name} has the ports {numbers}; Flagger makes Services of one port alone. Put the others into a "
            "Service of their own that selects the pods by another label, or choose another strategy."
        )
    port = ports[0]
    if port.get("protocol", "TCP") != "TCP":
        raise PlanRefused(f"Service {name} has a port of protocol {port['protocol']}; Flagger takes TCP alone.")
    made = {
        "name": port.get("name") or "http",
        "protocol": "TCP",
        "port": port["port"],
        "targetPort": port.get("targetPort", port["port"]),
    }
    return [made | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})]


def service_left(service: Manifest) -> Manifest:
    """The Service as Slipway applies it from now on: its selector is Flagger's, its port as Flagger has it."""
    spec = {name: value for name, value in service["spec"].items() if name != "selector"}
    return {**service, "spec": {**spec, "ports": ports_of(service)}}


def _service_part(deployment: Manifest, service: Manifest, route: Route) -> dict[str, Any]:
    if not selector_label(deployment):
        names = ", ".join(SELECTOR_LABELS)
        raise PlanRefused(
            f"Deployment {route.workload} selects its pods by none of the labels {names}: Flagger tells the two sides "
            "apart by one of them. A selector never changes: create the Deployment anew, or choose another strategy."
        )
    port = ports_of(service)[0]
    part = {"port": port["port"], "targetPort": port["targetPort"], "portName": port["name"]}
    if "appProtocol" in port:
        part["appProtocol"] = port["appProtocol"]
    if route.service != route.workload:
        part["name"] = route.service
    return part


def _route_part(route: Route, beside: Sequence[Manifest]) -> dict[str, Any]:
    found = next((each for each in beside if route.object and _is(each, route.object)), None)
    if found is None:
        return {}
    if route.router == "istio":
        return {**_of_virtual_service(found, route), **_policy(beside, route)}
    return _of_http_route(found, route) if route.router == "gateway" else {}


def _of_virtual_service(found: Manifest, route: Route) -> dict[str, Any]:
    spec = found["spec"]
    if spec.get("tcp") or spec.get("tls"):
        raise PlanRefused(f"VirtualService {found['metadata']['name']} routes TCP or TLS; Flagger would drop that.")
    rules = spec.get("http") or []
    strange = {host for rule in rules for host in _hosts(rule) if not _leads_to(host, route)}
    if strange:
        raise PlanRefused(
            f"VirtualService {found['metadata']['name']} also leads to {', '.join(sorted(strange))}; Flagger writes it "
            f"anew with {route.service} alone. Give {route.service} one of its own, or choose another strategy."
        )
    last = rules[-1] if rules else {}
    part = {name: spec[name] for name in ("hosts", "gateways") if spec.get(name)}
    return {**part, **{name: last[name] for name in ("match", *OF_ROUTE) if last.get(name)}}


def _hosts(rule: Mapping[str, Any]) -> list[str]:
    return [str((each.get("destination") or {}).get("host", "")) for each in rule.get("route") or ()]


def _leads_to(host: str, route: Route) -> bool:
    return host.partition(".")[0] in route.sides


def policy_of(beside: Sequence[Manifest], route: Route) -> Mapping[str, Any]:
    """The mesh's policy for the workload's Service; {} for none."""
    rules = (each for each in beside if each.get("kind") == "DestinationRule")
    found = next((each for each in rules if _leads_to(str(each["spec"].get("host", "")), route)), None)
    policy: Mapping[str, Any] = (found or {}).get("spec", {}).get("trafficPolicy") or {}
    return policy


def _policy(beside: Sequence[Manifest], route: Route) -> dict[str, Any]:
    """Flagger routes to Services of its own, for which the Service's policy would not hold."""
    policy = carried(policy_of(beside, route))
    return {"trafficPolicy": policy} if policy else {}


def _of_http_route(found: Manifest, route: Route) -> dict[str, Any]:
    spec = found["spec"]
    rules = spec.get("rules") or []
    strange = {str(back["name"]) for rule in rules for back in rule.get("backendRefs") or ()} - route.sides
    if strange:
        raise PlanRefused(
            f"HTTPRoute {found['metadata']['name']} also leads to {', '.join(sorted(strange))}; Flagger writes it anew "
            f"with {route.service} alone. Give {route.service} an HTTPRoute of its own, or choose another strategy."
        )
    part: dict[str, Any] = {"gatewayRefs": spec.get("parentRefs") or [], "hosts": spec.get("hostnames") or []}
    paths = [match["path"] for rule in rules for match in rule.get("matches") or () if match.get("path")]
    kinds = {"PathPrefix": "prefix", "Exact": "exact", "RegularExpression": "regex"}
    match = [{"uri": {kinds[path.get("type", "PathPrefix")]: path["value"]}} for path in paths if path["value"] != "/"]
    return {**part, **({"match": match} if match else {})}


def _is(manifest: Manifest, ref: Ref) -> bool:
    return manifest.get("kind") == ref.kind and manifest["metadata"]["name"] == ref.name
