"""ingress-nginx, by the documents' Ingress (11.6.2) and their blue-green one (11.4.1)."""

import pytest

from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import NO_TESTERS, NOBODY, Route, Testers, find
from environments.kube.traffic.base import Live
from tests.environments.kube.traffic.documents import BLUE_GREEN, INGRESS, NAMESPACE, read

NGINX = find("nginx")
PREFIX = "nginx.ingress.kubernetes.io/"
CANARY_REF = Ref("networking.k8s.io/v1", "Ingress", NAMESPACE, "agent-service-canary")


def route_of(*objects: Manifest, hint: str = "") -> Route:
    route = NGINX.detect(objects, NAMESPACE, "agent-service", "agent-service", hint)
    assert route is not None
    return route


def canary(main: Manifest, weight: int = 5, testers: Testers = NO_TESTERS) -> Manifest:
    [body] = NGINX.weigh(Live({ref_of(main): main}), route_of(main), weight, testers)
    return body


def annotated(manifest: Manifest, **annotations: str) -> Manifest:
    given = {f"{PREFIX}{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": given}}


def test_the_documents_ingress_is_found() -> None:
    [main] = read(INGRESS)
    route = route_of(main)
    assert route.object == ref_of(main)
    assert (route.host, route.port) == ("api.aiworkflow.com", 8080)
    assert (route.service, route.canary) == ("agent-service", "agent-service-canary")
    assert NGINX.hosts(main, route) == ("api.aiworkflow.com/api/agents",)


def test_the_canary_has_the_rules_of_its_service_alone() -> None:
    [main] = read(INGRESS)
    body = canary(main)
    assert ref_of(body) == CANARY_REF
    assert body["spec"] == {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["api.aiworkflow.com"], "secretName": "aiworkflow-tls-secret"}],
        "rules": [
            {
                "host": "api.aiworkflow.com",
                "http": {
                    "paths": [
                        {
                            "path": "/api/agents",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "agent-service-canary", "port": {"number": 8080}}},
                        }
                    ]
                },
            }
        ],
    }


def test_the_canary_copies_what_shapes_a_request_and_no_session() -> None:
    [main] = read(INGRESS)
    annotations = canary(main, 25)["metadata"]["annotations"]
    assert annotations == {
        f"{PREFIX}canary": "true",
        f"{PREFIX}canary-weight": "25",
        f"{PREFIX}affinity-canary-behavior": "legacy",
        f"{PREFIX}limit-rps": "10",
        f"{PREFIX}upstream-fail-timeout": "30",
        f"{PREFIX}upstream-max-fails": "3",
        f"{PREFIX}enable-cors": "true",
        f"{PREFIX}cors-allow-origin": "https://app.aiworkflow.com",
        f"{PREFIX}cors-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
        f"{PREFIX}ssl-redirect": "true",
        f"{PREFIX}proxy-body-size": "50m",
    }
    [words] = NGINX.unsupported(main, route_of(main))
    assert "keeps sessions by a cookie" in words


def test_annotations_of_other_controllers_are_not_copied() -> None:
    main = annotated(read(INGRESS)[0], rewrite_target="/$1")
    main["metadata"]["annotations"] |= {"cert-manager.io/cluster-issuer": "le", "kubernetes.io/ingress.class": "nginx"}
    kept = set(canary(main)["metadata"]["annotations"]) - {f"{PREFIX}canary", f"{PREFIX}canary-weight"}
    assert kept == {f"{PREFIX}rewrite-target", "kubernetes.io/ingress.class"}


@pytest.mark.parametrize(
    ("testers", "expected"),
    [
        (Testers(), {}),
        (Testers(header="X-Canary"), {"canary-by-header": "X-Canary"}),
        (Testers("X-Canary", "yes"), {"canary-by-header": "X-Canary", "canary-by-header-value": "yes"}),
        (Testers(cookie="canary"), {"canary-by-cookie": "canary"}),
        (Testers("X-Canary", cookie="canary"), {"canary-by-header": "X-Canary", "canary-by-cookie": "canary"}),
        (NOBODY, {}),
    ],
)
def test_testers_are_let_in_by_header_and_cookie(testers: Testers, expected: dict[str, str]) -> None:
    annotations = canary(annotated(read(INGRESS)[0]), 0, testers)["metadata"]["annotations"]
    by = {name.removeprefix(PREFIX): value for name, value in annotations.items() if "canary-by" in name}
    assert by == expected


@pytest.mark.parametrize(
    ("annotations", "weight"),
    [
        ({"canary": "true", "canary_weight": "25"}, 25),
        ({"canary": "true", "canary_weight": "25", "canary_weight_total": "1000"}, 2),
        ({"canary": "true"}, -1),
        ({"canary": "true", "canary_weight": "many"}, -1),
        ({"canary": "false", "canary_weight": "25"}, -1),
    ],
)
def test_the_weight_is_the_annotations(annotations: dict[str, str], weight: int) -> None:
    [main] = read(INGRESS)
    there = annotated(canary(main), **annotations)
    assert NGINX.weight_of(Live({ref_of(main): main, CANARY_REF: there}), route_of(main)) == weight


def test_without_a_canary_ingress_the_weight_is_none() -> None:
    [main] = read(INGRESS)
    route = route_of(main)
    assert NGINX.weight_of(Live({ref_of(main): main}), route) == 0
    assert NGINX.rest(Live({ref_of(main): main}), route) == []
    assert NGINX.removed_at_rest(route) == (CANARY_REF,)
    assert NGINX.at_rest(main, route) == main


class TestTwoCanariesOnOneHost:
    [MAIN] = read(INGRESS)

    def other(self, name: str, **annotations: str) -> Manifest:
        body = annotated(canary(self.MAIN), **annotations)
        return {**body, "metadata": {**body["metadata"], "name": name, "labels": {}}}

    def test_are_refused_with_the_reason(self) -> None:
        words = NGINX.clashes(self.MAIN, route_of(self.MAIN), [self.MAIN, self.other("experiment", canary="true")])
        where = f"Ingress {NAMESPACE}/experiment is a canary at api.aiworkflow.com/api/agents already"
        assert words == (f"{where}: NGINX takes one canary for a rule, two on one host and path.",)

    def test_ours_of_before_and_others_elsewhere_do_not_clash(self) -> None:
        elsewhere = self.other("elsewhere", canary="true")
        elsewhere["spec"] = {"rules": [{**elsewhere["spec"]["rules"][0], "host": "other.example"}]}
        others = [canary(self.MAIN), elsewhere, self.other("main-of-another")]
        assert NGINX.clashes(self.MAIN, route_of(self.MAIN), others) == ()

    def test_a_strangers_ingress_of_our_name_is_left_alone(self) -> None:
        [words] = NGINX.clashes(self.MAIN, route_of(self.MAIN), [self.other("agent-service-canary")])
        assert words == f"Ingress {NAMESPACE}/agent-service-canary is there already and is not Slipway's."


class TestBlueGreen:
    *SERVICES, MAIN = read(BLUE_GREEN)

    def test_the_switch_keeps_the_upstream_vhost_in_step(self) -> None:
        route = route_of(self.MAIN)
        assert NGINX.target_of(self.MAIN, route) == "agent-service-blue"
        body = NGINX.owned(NGINX.point(self.MAIN, route, "agent-service-green"), route)
        vhost = "agent-service-green.ai-workflow-prod.svc.cluster.local"
        assert body["metadata"] == {
            "name": "agent-service-ingress",
            "namespace": NAMESPACE,
            "annotations": {f"{PREFIX}upstream-vhost": vhost},
        }
        [rule] = body["spec"]["rules"]
        [path] = rule["http"]["paths"]
        assert path["backend"]["service"] == {"name": "agent-service-green", "port": {"number": 8080}}
        assert (rule["host"], path["path"], path["pathType"]) == ("api.aiworkflow.com", "/api/agents", "Prefix")

    def test_a_vhost_of_somebody_else_and_other_services_stay(self) -> None:
        [ingress] = read(INGRESS)
        main = annotated(ingress, upstream_vhost="internal.example")
        route = route_of(main)
        green = NGINX.point(main, route, "agent-service-green")
        assert green["metadata"] == main["metadata"]
        backends = [path["backend"]["service"]["name"] for path in green["spec"]["rules"][0]["http"]["paths"]]
        assert backends == ["auth-service", "agent-service-green", "persona-service", "code-execution-service"]
        assert NGINX.target_of(green, route) == "agent-service-green"

    def test_two_targets_are_none(self) -> None:
        [rule] = self.MAIN["spec"]["rules"]
        other = NGINX.point(self.MAIN, route_of(self.MAIN), "agent-service-green")["spec"]["rules"][0]
        both = {**self.MAIN, "spec": {"rules": [rule, {**other, "host": "other.example"}]}}
        assert NGINX.target_of(both, route_of(self.MAIN)) == ""


@pytest.mark.parametrize(
    ("given", "hint", "found"),
    [
        ({"ingressClassName": "nginx"}, "", True),
        ({"ingressClassName": "nginx-internal"}, "", True),
        ({}, "", True),
        ({"ingressClassName": "traefik"}, "", False),
        ({"ingressClassName": "traefik"}, "Ingress/ai-workflow-ingress", True),
        ({}, "Ingress/ai-workflow-ingress", True),
        ({}, "ai-workflow-ingress", True),
        ({}, "api.aiworkflow.com", True),
        ({}, "Ingress/another", False),
        ({}, "other.example", False),
    ],
)
def test_an_ingress_is_taken_by_class_and_hint(given: dict[str, str], hint: str, found: bool) -> None:
    [main] = read(INGRESS)
    ingress = {**main, "spec": {"rules": main["spec"]["rules"], **given}}
    assert bool(NGINX.detect([ingress], NAMESPACE, "agent-service", "agent-service", hint)) is found


def test_a_default_backend_moves_too() -> None:
    [main] = read(INGRESS)
    backend = {"service": {"name": "agent-service", "port": {"name": "http"}}}
    only = {**main, "spec": {"ingressClassName": "nginx", "defaultBackend": backend}}
    moved = {"service": {"name": "agent-service-canary", "port": {"name": "http"}}}
    assert canary(only)["spec"] == {"ingressClassName": "nginx", "defaultBackend": moved}
    pointed = NGINX.point(only, route_of(only), "agent-service-green")
    assert NGINX.owned(pointed, route_of(only))["spec"] == {
        "defaultBackend": {"service": {"name": "agent-service-green", "port": {"name": "http"}}}
    }
