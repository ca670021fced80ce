"""Which router moves a workload, from the parameters, slipway.yaml and the bundle's objects, in this order."""

import pytest

from environments.kube.names import TRAFFIC
from environments.kube.objects import Manifest
from environments.kube.traffic import choose, find, names
from environments.kube.traffic.base import manager_of
from environments.kube.traffic.choosing import RouterError
from environments.manifests.settings import RouteSetting as Wish
from tests.environments.kube.traffic.documents import HTTP_ROUTE, INGRESS, ISTIO, NAMESPACE, SERVICE, at_home, read

LABELS = {"app": "agent-service", "tier": "api"}
DEPLOYMENT = at_home(
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "agent-service"},
        "spec": {"template": {"metadata": {"labels": LABELS}}},
    }
)
BASE = [DEPLOYMENT, *read(SERVICE)]
EVERYTHING = [*BASE, *read(INGRESS), *read(HTTP_ROUTE), *read(ISTIO)]


def chosen(objects: list[Manifest], *wishes: Wish, wanted: str = "") -> str:
    route = choose(objects, wishes, NAMESPACE, "agent-service", wanted)
    return f"{route.router} {route.text}" if route else ""


SERVICE_TEXT = f"service Service {NAMESPACE}/agent-service"
NGINX_TEXT = f"nginx Ingress {NAMESPACE}/ai-workflow-ingress"
ISTIO_TEXT = f"istio VirtualService {NAMESPACE}/agent-service"
GATEWAY_TEXT = f"gateway HTTPRoute {NAMESPACE}/agent-service"
WISH = Wish("agent-service", "agent-service")


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (BASE, SERVICE_TEXT),
        ([*BASE, *read(INGRESS)], NGINX_TEXT),
        ([*BASE, *read(INGRESS), *read(HTTP_ROUTE)], GATEWAY_TEXT),
        (EVERYTHING, ISTIO_TEXT),
        ([DEPLOYMENT], ""),
        ([DEPLOYMENT, *read(INGRESS)], ""),
    ],
)
def test_the_objects_decide_where_nobody_says(objects: list[Manifest], expected: str) -> None:
    assert chosen(objects) == expected


@pytest.mark.parametrize(
    ("wish", "wanted", "expected"),
    [
        (WISH, "", ISTIO_TEXT),
        (Wish("Deployment/agent-service", "agent-service", "service"), "", SERVICE_TEXT),
        (Wish("agent-service", f"{NAMESPACE}/agent-service", "nginx", "Ingress/ai-workflow-ingress"), "", NGINX_TEXT),
        (Wish("agent-service", "agent-service", "nginx", host="api.aiworkflow.com"), "", NGINX_TEXT),
        (Wish("agent-service", "agent-service", "nginx", "Ingress/another"), "", ""),
        (Wish("agent-service", "agent-service", "nginx"), "gateway", GATEWAY_TEXT),
        (Wish("agent-service", "agent-service", "nginx", "Ingress/ai-workflow-ingress"), "istio", ISTIO_TEXT),
        (Wish("another", "another", "nginx"), "", ISTIO_TEXT),
        (Wish("agent-service", "auth-service", "nginx"), "", NGINX_TEXT),
    ],
)
def test_parameters_go_before_the_bundles_settings_and_these_before_its_objects(
    wish: Wish, wanted: str, expected: str
) -> None:
    assert chosen(EVERYTHING, wish, wanted=wanted) == expected


def test_the_host_of_the_settings_and_the_services_port_complete_it() -> None:
    wish = Wish("agent-service", "agent-service", "service", host="api.example")
    route = choose(EVERYTHING, [wish], NAMESPACE, "agent-service")
    assert route is not None
    assert (route.host, route.port) == ("api.example", 8080)
    route = choose(EVERYTHING, (), NAMESPACE, "agent-service")
    assert route is not None
    assert (route.router, route.host, route.port) == ("istio", "agent-service", 8080)


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ("agent-service", SERVICE_TEXT),
        ("Deployment/agent-service", SERVICE_TEXT),
        (f"Deployment/{NAMESPACE}/agent-service", SERVICE_TEXT),
        ("Deployment/elsewhere/agent-service", ISTIO_TEXT),
    ],
)
def test_a_setting_names_its_workload_in_three_ways(workload: str, expected: str) -> None:
    assert chosen(EVERYTHING, Wish(workload, "agent-service", "service")) == expected


def test_a_service_of_the_workloads_own_name_goes_before_others_that_select_it() -> None:
    [plain] = read(SERVICE)
    internal = {**plain, "metadata": {**plain["metadata"], "name": "agent-internal"}}
    assert chosen([DEPLOYMENT, internal, plain]) == SERVICE_TEXT
    assert chosen([DEPLOYMENT, internal]) == f"service Service {NAMESPACE}/agent-internal"


def test_a_router_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(RouterError, match="no router 'traefik'; there are: istio, gateway, nginx, service"):
        find("traefik")
    assert names() == ("istio", "gateway", "nginx", "service")


def held(*entries: tuple[str, str, dict]) -> Manifest:
    fields = [{"manager": name, "operation": "Update", "time": time, "fieldsV1": tree} for name, time, tree in entries]
    return {"metadata": {"managedFields": fields}}


HTTP = {"f:spec": {"f:http": {}}}


@pytest.mark.parametrize(
    ("live", "manager"),
    [
        (held(("kubectl-edit", "2026-01-01T00:00:01Z", HTTP)), "kubectl-edit"),
        (
            held(("helm", "2026-01-01T00:00:01Z", HTTP), ("kubectl-patch", "2026-01-01T00:00:02Z", HTTP)),
            "kubectl-patch",
        ),
        (held((TRAFFIC, "2026-01-01T00:00:01Z", HTTP), ("helm", "2026-01-01T00:00:02Z", HTTP)), TRAFFIC),
        (held(("helm", "2026-01-01T00:00:01Z", {"f:spec": {"f:hosts": {}}})), ""),
        (None, ""),
    ],
)
def test_who_has_the_weights(live: Manifest | None, manager: str) -> None:
    assert manager_of(live, ("f:spec", "f:http")) == manager
