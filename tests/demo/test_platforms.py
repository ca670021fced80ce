"""The demo's bundles say what the documents say."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import yaml

from environments.manifests.render import Rendered

from .platforms import APPLICATIONS, DEMO, ENVIRONMENTS, rendered

EVERYWHERE = [(application, environment) for application in APPLICATIONS for environment in ENVIRONMENTS]
SERVICES = {
    "auth-service": 3,
    "agent-service": 5,
    "persona-service": 3,
    "code-execution-service": 5,
    "text-to-sql-service": 3,
    "knowledge-base-service": 3,
    "workflow-service": 5,
}
NOVA_SERVICES = {"user-service": 3, "auth-service": 2, "search-service": 2, "streaming-api": 2, "messaging-service": 2}


def workloads(application: str, environment: str) -> Iterator[Rendered]:
    """Those that stay: Jobs are left out."""
    for each in rendered(application, environment).objects:
        if each.stage == "workloads" and each.ref.kind != "Job":
            yield each


def replicas(application: str, environment: str) -> dict[str, int]:
    return {each.ref.name: each.manifest["spec"]["replicas"] for each in workloads(application, environment)}


def millicores(quantity: str) -> Decimal:
    return Decimal(quantity.removesuffix("m")) * (1 if quantity.endswith("m") else 1000)


def requested(application: str, environment: str) -> Decimal:
    """Millicores that all replicas ask for."""
    return sum(
        (
            millicores(str(container["resources"]["requests"]["cpu"])) * each.manifest["spec"]["replicas"]
            for each in workloads(application, environment)
            for container in each.manifest["spec"]["template"]["spec"]["containers"]
        ),
        Decimal(0),
    )


@pytest.mark.parametrize(("application", "environment"), EVERYWHERE)
def test_renders_whole_and_without_a_loose_end(application: str, environment: str) -> None:
    found = rendered(application, environment)
    assert found.unused == ()
    assert len(found.objects) > 30
    assert {each.ref.namespace.rpartition("-")[2] for each in found.objects} == {environment}


def test_production_has_the_documents_replicas() -> None:
    assert replicas("ai-workflow", "prod") == SERVICES
    assert replicas("nova", "prod") == NOVA_SERVICES | {"redis": 3, "etcd": 3, "postgres": 3}


def test_production_asks_for_what_the_documents_add_up_to() -> None:
    gateway = 3 * 500
    assert requested("ai-workflow", "prod") + gateway == 17_500


def test_the_environments_fit_small_nodes() -> None:
    totals = {(app, env): requested(app, env) for app, env in EVERYWHERE}
    assert totals["ai-workflow", "dev"] + totals["nova", "dev"] < 1_000
    assert totals["ai-workflow", "staging"] + totals["nova", "staging"] < 8_000
    assert max(totals.values()) <= 16_000
    assert sum(totals.values()) < 40_000


def test_infrastructure_goes_before_services() -> None:
    waves = {each.ref.name: each.wave for each in workloads("nova", "prod")}
    assert waves["redis"] == waves["etcd"] < waves["postgres"] < min(waves[name] for name in NOVA_SERVICES)


def test_the_schema_is_migrated_before_the_services_by_a_job_of_each_version() -> None:
    first, later = rendered("ai-workflow", "dev"), rendered("ai-workflow", "dev", "1.1.0")
    jobs = [next(each for each in found.objects if each.ref.kind == "Job") for found in (first, later)]
    assert [job.ref.name for job in jobs] == ["schema-migration-1-0-0", "schema-migration-1-1-0"]
    assert jobs[0].wave < min(each.wave for each in workloads("ai-workflow", "dev"))


@pytest.mark.parametrize(("application", "environment"), EVERYWHERE)
def test_every_container_is_bounded_probed_and_hardened(application: str, environment: str) -> None:
    for each in workloads(application, environment):
        pod = each.manifest["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert "requiredDuringSchedulingIgnoredDuringExecution" not in str(pod["affinity"])
        for container in pod["containers"]:
            assert set(container["resources"]) == {"requests", "limits"}
            assert {"livenessProbe", "readinessProbe"} <= set(container)
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_traffic_crosses_environments(environment: str) -> None:
    policies = [each for each in rendered("ai-workflow", environment).objects if each.ref.kind == "NetworkPolicy"]
    deny = next(each.manifest["spec"] for each in policies if each.ref.name == "deny-cross-namespace")
    assert deny["podSelector"] == {}
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert deny["ingress"] == [{"from": [{"podSelector": {}}]}]


@pytest.mark.parametrize(("application", "environment"), EVERYWHERE)
def test_selectors_find_what_they_are_for(application: str, environment: str) -> None:
    found = rendered(application, environment).objects
    labels = {
        (each.ref.namespace, each.manifest["spec"]["template"]["metadata"]["labels"]["app"])
        for each in found
        if each.ref.kind in {"Deployment", "StatefulSet"}
    }
    for each in found:
        if each.ref.kind == "Service":
            assert (each.ref.namespace, each.manifest["spec"]["selector"]["app"]) in labels
        if each.ref.kind == "PodDisruptionBudget":
            assert (each.ref.namespace, each.manifest["spec"]["selector"]["matchLabels"]["app"]) in labels


def test_development_has_no_autoscaler() -> None:
    kinds = {env: {each.ref.kind for each in rendered("ai-workflow", env).objects} for env in ("dev", "prod")}
    assert "HorizontalPodAutoscaler" not in kinds["dev"]
    assert "HorizontalPodAutoscaler" in kinds["prod"]


@pytest.mark.parametrize("application", APPLICATIONS)
def test_rendering_takes_less_than_pyyaml_takes_to_read_the_files(application: str) -> None:
    rendered(application, "prod")
    texts = [path.read_text() for path in sorted((DEMO / application).rglob("*.yaml"))]
    ours = least_of_a_processor(lambda: rendered(application, "prod"))
    assert ours < least_of_a_processor(lambda: [list(yaml.safe_load_all(text)) for text in texts])


def least_of_a_processor(work: Callable[[], object]) -> float:
    """Seconds, of three times: what else the machine does is in none or few of them."""
    took = []
    for _ in range(3):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def test_smoke_tests_ask_services_that_are_there() -> None:
    for application, environment in EVERYWHERE:
        found = rendered(application, environment)
        ports = {
            (each.ref.namespace, each.ref.name): [port["port"] for port in each.manifest["spec"]["ports"]]
            for each in found.objects
            if each.ref.kind == "Service"
        }
        for test in found.settings.smoke_tests:
            namespace, _, name = test.service.rpartition("/")
            assert test.port in ports[namespace or f"{application}-{environment}", name]
