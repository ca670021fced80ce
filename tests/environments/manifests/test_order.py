"""Stages and waves, and slipway.yaml that may change them."""

from typing import Any

import pytest

from environments.manifests.errors import BundleErrors
from environments.manifests.order import STAGES, stage_of, wave_of
from environments.manifests.render import render
from environments.manifests.settings import RouteSetting, SlipwayFile, SmokeTest, Wave

from .making import CONFIG_MAP, DEPLOYMENT, DEV, IMAGES, bundle

KINDS = [
    ("Namespace", "definitions"),
    ("CustomResourceDefinition", "definitions"),
    ("ServiceAccount", "configuration"),
    ("Role", "configuration"),
    ("ConfigMap", "configuration"),
    ("Secret", "configuration"),
    ("PersistentVolumeClaim", "configuration"),
    ("NetworkPolicy", "configuration"),
    ("PeerAuthentication", "configuration"),
    ("AuthorizationPolicy", "configuration"),
    ("Telemetry", "configuration"),
    ("TriggerAuthentication", "configuration"),
    ("Service", "services"),
    ("Deployment", "workloads"),
    ("StatefulSet", "workloads"),
    ("DaemonSet", "workloads"),
    ("Job", "workloads"),
    ("CronJob", "workloads"),
    ("HorizontalPodAutoscaler", "after"),
    ("PodDisruptionBudget", "after"),
    ("Ingress", "after"),
    ("VirtualService", "after"),
    ("DestinationRule", "after"),
    ("ScaledObject", "after"),
    ("VerticalPodAutoscaler", "after"),
    ("ServiceMonitor", "after"),
    ("Whatever", "after"),
]


@pytest.mark.parametrize(("kind", "stage"), KINDS)
def test_stages(kind: str, stage: str) -> None:
    assert stage_of({"kind": kind}) == stage
    assert stage in STAGES


SETTINGS = SlipwayFile(waves=(Wave("a", ("x",)), Wave("b", ("Job/y", "Deployment/ns/z"))))
WAVES: list[tuple[str, str, dict[str, str], SlipwayFile, int]] = [
    ("StatefulSet", "x", {}, SlipwayFile(), 2),
    ("Job", "db-migration", {}, SlipwayFile(), 1),
    ("Job", "report", {}, SlipwayFile(), 2),
    ("Deployment", "migrator", {}, SlipwayFile(), 2),
    ("Service", "x", {}, SETTINGS, 0),
    ("Deployment", "x", {}, SETTINGS, 0),
    ("Job", "y", {}, SETTINGS, 1),
    ("Deployment", "y", {}, SETTINGS, 2),
    ("Deployment", "z", {}, SETTINGS, 1),
    ("Deployment", "x", {"slipway.dev/wave": "7"}, SETTINGS, 7),
]


@pytest.mark.parametrize(("kind", "name", "annotations", "file", "wave"), WAVES)
def test_waves(kind: str, name: str, annotations: dict[str, str], file: SlipwayFile, wave: int) -> None:
    manifest: dict[str, Any] = {"kind": kind, "metadata": {"name": name, "namespace": "ns", "annotations": annotations}}
    assert wave_of(manifest, file) == wave


@pytest.mark.parametrize("said", ["x", "-1", "100", "", "1.5", "²"])
def test_a_wave_is_a_number(said: str) -> None:
    with pytest.raises(ValueError, match="a number from 0 to 99"):
        wave_of({"kind": "Job", "metadata": {"name": "x", "annotations": {"slipway.dev/wave": said}}}, SlipwayFile())


def test_objects_come_in_the_order_of_their_stages_and_waves() -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
    first = DEPLOYMENT.replace("name: web\n", 'name: first\n  annotations: {slipway.dev/wave: "0"}\n', 1)
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"
    text = f"{budget}---\n{DEPLOYMENT}---\n{first}---\n{service}---\n{CONFIG_MAP}"
    found = render(bundle(base=text), DEV, IMAGES).objects
    assert [(each.stage, each.wave, each.ref.name) for each in found] == [
        ("configuration", 0, "web-config"),
        ("services", 0, "web"),
        ("workloads", 0, "first"),
        ("workloads", 2, "web"),
        ("after", 0, "web"),
    ]


FULL = """\
change: hotfix
waves:
  - name: all
    workloads: [Deployment/web]
routes:
  - {workload: web, service: web, router: nginx, object: Ingress/web, host: "${SLIPWAY_ENVIRONMENT}.example"}
smokeTests:
  - {name: home, service: "shop-${SLIPWAY_ENVIRONMENT}/web", port: 80, path: /x, status: 204, contains: ok, timeout: 2}
  - {name: more, service: web, port: 8080}
takeOver: take
"""


def test_all_of_slipway_yaml_is_read() -> None:
    assert render(bundle(base=DEPLOYMENT, slipway=FULL), DEV, IMAGES).settings == SlipwayFile(
        "hotfix",
        (Wave("all", ("Deployment/web",)),),
        (RouteSetting("web", "web", "nginx", "Ingress/web", "dev.example"),),
        (SmokeTest("home", "shop-dev/web", 80, "/x", 204, "ok", 2.0), SmokeTest("more", "web", 8080)),
        take_over="take",
    )


ERRORS = [
    ("smoketests: []", "slipway.yaml line 1, smoketests: unknown, did you mean smokeTests?"),
    ("change: big", "slipway.yaml line 1, change: is one of everyday, major, high-risk, schema, hotfix"),
    ("waves: web", "slipway.yaml line 1, waves: a list is needed"),
    ("waves:\n- name: a", "slipway.yaml line 2, waves[0].workloads: is missing"),
    ("waves:\n- {name: 1, workloads: []}", "slipway.yaml line 2, waves[0].name: text is needed"),
    ("routes:\n- {workload: web}", "slipway.yaml line 2, routes[0].service: is missing"),
    (
        "routes:\n- {workload: web, service: web, router: x}",
        "slipway.yaml line 2, routes[0].router: is one of service, nginx, istio, gateway",
    ),
    (
        "smokeTests:\n- name: x\n  service: web\n  port: 0",
        "slipway.yaml line 4, smokeTests[0].port: a number from 1 to 65535 is needed",
    ),
    (
        "smokeTests:\n- {name: x, service: web, port: 1, path: x}",
        "slipway.yaml line 2, smokeTests[0].path: a path that starts with / is needed",
    ),
    (
        'smokeTests:\n- {name: x, service: web, port: 1, path: "/../../../other/secrets/token"}',
        "slipway.yaml line 2, smokeTests[0].path: .. leads to another place",
    ),
    (
        "smokeTests:\n- {name: x, service: web, port: 1, path: /a%2fb}",
        "slipway.yaml line 2, smokeTests[0].path: a%2Fb stands for more than one part of a path",
    ),
    (
        "smokeTests:\n- {name: x, service: ../other, port: 1}",
        "slipway.yaml line 2, smokeTests[0].service: the name of a Service is needed, or NAMESPACE/NAME",
    ),
    (
        "routes: [{workload: web, service: 'web:80/proxy'}]",
        "slipway.yaml line 1, routes[0].service: the name of a Service is needed, or NAMESPACE/NAME",
    ),
    (
        "smokeTests:\n- {name: x, service: a/b/c, port: 1}",
        "slipway.yaml line 2, smokeTests[0].service: the name of a Service is needed, or NAMESPACE/NAME",
    ),
    (
        "waves:\n- name: a\n  workloads: [wbe]",
        "slipway.yaml line 3, waves[0].workloads[0]: the bundle has nothing called wbe, did you mean web?",
    ),
    ("routes: [{workload: x, service: x}]", "slipway.yaml line 1, routes[0].workload: the bundle has nothing called x"),
    (
        "placeholders: ['${A}']",
        "slipway.yaml line 1, placeholders[0]: a name such as APP_HOST is needed, without ${}",
    ),
    (
        "placeholderPrefix: A-",
        "slipway.yaml line 1, placeholderPrefix: a name such as APP_HOST is needed, without ${}",
    ),
    ("change: major\n---\nchange: major\n", "slipway.yaml line 3: slipway.yaml takes one document"),
]


@pytest.mark.parametrize(("text", "words"), ERRORS)
def test_errors_of_slipway_yaml(text: str, words: str) -> None:
    with pytest.raises(BundleErrors) as caught:
        render(bundle(base=DEPLOYMENT, slipway=text), DEV, IMAGES)
    assert caught.value.words == words


def test_slipway_yaml_is_a_map() -> None:
    with pytest.raises(BundleErrors, match=r"slipway\.yaml line 1: a map with change, waves, "):
        render(bundle(base=DEPLOYMENT, slipway="[]"), DEV, IMAGES)
