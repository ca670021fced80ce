"""A stock kubectl works on the sandbox."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sandbox import Sandbox
from tests.sandbox.client import deployment

pytestmark = pytest.mark.lane("kubectl")

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("kubectl")
    with Sandbox(speed=10) as sandbox:
        config = folder / "kubeconfig"
        config.write_text(sandbox.kubeconfig)

        def run(*words: str, status: int = 0) -> str:
            command = ["kubectl", "--kubeconfig", str(config), "--cache-dir", str(folder / "cache"), *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == status, done.stderr
            return done.stdout + done.stderr

        yield run


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "web.yaml"
    path.write_text(yaml.safe_dump(deployment(replicas=2)))
    return path


@pytest.fixture
def web(kubectl: Kubectl, manifest: Path) -> Iterator[str]:
    kubectl("apply", "-f", str(manifest))
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    yield "deployment/web"
    kubectl("delete", "deployment", "web", "--wait=false")


def test_it_prints_tables(kubectl: Kubectl, web: str) -> None:
    assert "READY" in kubectl("get", "deployments")
    assert "2/2" in kubectl("get", web)
    assert "Running" in kubectl("get", "pods", "-o", "wide")
    assert kubectl("api-resources").count("\n") > 30


def test_it_applies_both_ways(kubectl: Kubectl, web: str, manifest: Path) -> None:
    assert "unchanged" in kubectl("apply", "-f", str(manifest))
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", str(manifest))
    kubectl("diff", "-f", str(manifest))
    kubectl("scale", web, "--replicas=3")
    assert "replicas: 2" in kubectl("diff", "-f", str(manifest), status=1)


def test_it_rolls_out_and_back(kubectl: Kubectl, web: str) -> None:
    kubectl("set", "image", web, "web=shop/web:2")
    kubectl("rollout", "status", web, "--timeout=30s")
    assert kubectl("rollout", "history", web).count("<none>") == 2
    kubectl("rollout", "undo", web)
    kubectl("rollout", "status", web, "--timeout=30s")
    assert kubectl("get", web, "-o", "jsonpath={..image}") == "shop/web:1"
    kubectl("rollout", "pause", web)
    kubectl("rollout", "resume", web)
    kubectl("rollout", "restart", web)
    assert "condition met" in kubectl("wait", web, "--for=condition=Available", "--timeout=30s")


def test_it_changes_single_fields(kubectl: Kubectl, web: str) -> None:
    kubectl("annotate", web, "note=a")
    kubectl("label", web, "tier=front")
    kubectl("patch", web, "-p", '{"spec":{"minReadySeconds":1}}')
    kubectl("patch", web, "--type=json", "-p", '[{"op":"replace","path":"/spec/minReadySeconds","value":2}]')
    kubectl("set", "env", web, "B=2")
    found = yaml.safe_load(kubectl("get", web, "-o", "yaml", "--show-managed-fields"))
    assert found["metadata"]["annotations"]["note"] == "a"
    assert found["spec"]["minReadySeconds"] == 2
    assert {"kubectl-annotate", "kubectl-label", "kubectl-patch"} <= {
        each["manager"] for each in found["metadata"]["managedFields"]
    }


CREATIONS = [
    ("create", "configmap", "made", "--from-literal=a=b"),
    ("create", "secret", "generic", "made", "--from-literal=a=b"),
    ("create", "serviceaccount", "made"),
    ("create", "deployment", "made", "--image=shop/web:1", "--replicas=0", "--port=80"),
    ("create", "job", "made", "--image=shop/web:1"),
    ("create", "cronjob", "made", "--image=shop/web:1", "--schedule=0 0 1 1 *"),
    ("create", "poddisruptionbudget", "made", "--selector=app=web", "--min-available=1"),
    ("create", "ingress", "made", "--rule=a.example/*=web:80"),
    ("create", "role", "made", "--verb=get", "--resource=pods"),
    ("create", "quota", "made", "--hard=count/leases.coordination.k8s.io=5"),
    ("run", "made", "--image=shop/web:1"),
    ("expose", "deployment", "made", "--port=80"),
    ("autoscale", "deployment", "made", "--max=4"),
]


def test_it_creates_with_protobuf_bodies(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "typed")
    for words in CREATIONS:
        kubectl("--namespace=typed", *words)
    assert kubectl("--namespace=typed", "auth", "can-i", "create", "pods") == "yes\n"
    assert kubectl("--namespace=typed", "create", "token", "made").startswith("sandbox-")
    found = yaml.safe_load(kubectl("--namespace=typed", "get", "deployment", "made", "-o", "yaml"))
    assert found["spec"]["replicas"] == 0
    assert found["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_it_is_told_of_unknown_fields(kubectl: Kubectl, tmp_path: Path) -> None:
    wrong = deployment("wrong")
    wrong["spec"]["replica"] = 1
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(wrong))
    assert 'unknown field "spec.replica"' in kubectl("apply", "-f", str(path), status=1)
    assert ".spec.replica: field not declared in schema" in kubectl("apply", "--server-side", "-f", str(path), status=1)


def test_it_shows_logs_and_events(kubectl: Kubectl, web: str) -> None:
    kubectl("logs", web)
    assert "ScalingReplicaSet" in kubectl("get", "events")
    assert "replicas <integer>" in kubectl("explain", "deployment.spec.replicas")
