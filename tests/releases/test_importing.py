"""Import on both clusters: what runs is read, made a release of, and its first plan says what would change."""

import os
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from environments.clusters import connect, gateway_for
from environments.importing.survey import Selection
from environments.kube.objects import Ref
from environments.models import Cluster, Environment
from portal.actors import SYSTEM
from releases import importing
from releases.errors import Unacceptable
from releases.ingest import open_bundle
from releases.models import Application
from sandbox import Sandbox
from tests.releases.fakes import FakeRegistry
from tests.releases.telling import tell
from tests.releases.world import World

REAL = pytest.param("real", marks=pytest.mark.lane("kubeconfig"))
RUNNING = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {meta.helm.sh/release-name: shop}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/shop/web:1.4
        env: [{name: P, valueFrom: {secretKeyRef: {name: db, key: password}}}]
        envFrom: [{configMapRef: {name: web}}, {configMapRef: {name: gone, optional: true}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, labels: {app: web}}
data: {LEVEL: "1e3"}
---
apiVersion: v1
kind: Secret
metadata: {name: db, labels: {app: web}}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, labels: {app: other}}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 4}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=10) as running:
        yield running


@pytest.fixture(params=["sandbox", REAL])
def cluster(request: pytest.FixtureRequest, db: None) -> Cluster:
    if request.param == "sandbox":
        text = request.getfixturevalue("sandbox").kubeconfig
    else:
        text = Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text()
    return connect("under-test", text, actor=SYSTEM).cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """With an application that kubectl made."""
    gateway, name = gateway_for(cluster), f"import-{uuid.uuid4().hex[:8]}"
    space = Ref("v1", "Namespace", "", name)
    gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for manifest in yaml.safe_load_all(RUNNING):
        manifest["metadata"]["namespace"] = name
        gateway.create(manifest)
    yield name
    gateway.delete(space)


@pytest.fixture
def dev(world: World, cluster: Cluster, namespace: str, registry: FakeRegistry) -> Environment:
    tell(world.environments["dev"], cluster=cluster, namespace=namespace)
    return world.environments["dev"]


def files_of(application: str) -> dict[str, dict[str, Any]]:
    bundle = Application.objects.get(name=application).bundle
    assert bundle
    return {file.path: yaml.safe_load(file.text) for file in open_bundle(bundle).files}


def run(namespace: str, *arguments: str) -> str:
    out = StringIO()
    call_command("import", namespace, *arguments, stdout=out)
    return out.getvalue()


def test_what_runs_becomes_a_bundle_and_a_release(dev: Environment, namespace: str) -> None:
    said = run(namespace, "--application", "books", "--environment", "dev")
    files = files_of("books")
    assert set(files) == {
        "base/configmap/web.yaml",
        "base/deployment/web.yaml",
        "base/horizontalpodautoscaler/web.yaml",
        "base/service/web.yaml",
    }
    deployment = files["base/deployment/web.yaml"]
    assert deployment["spec"].keys() == {"selector", "template"}, "the autoscaler holds the replicas"
    assert deployment["spec"]["template"]["spec"].keys() == {"containers"}
    assert "clusterIP" not in files["base/service/web.yaml"]["spec"]
    assert files["base/configmap/web.yaml"]["data"] == {"LEVEL": "1e3"}
    assert "hunter2" not in said + repr(files)
    assert "Secret db (password)" in said
    assert "ConfigMap/gone" in said
    assert Application.objects.get(name="books").releases.get().images == {
        "registry.example/shop/web": "registry.example/shop/web:1.4"
    }
    assert f"The first plan into {dev}" in said
    assert "is created" not in said
    assert gateway_for(dev.cluster).get(Ref("v1", "ConfigMap", namespace, "web"))["metadata"].get("annotations") is None  # type: ignore[index]


def test_a_part_of_a_namespace(dev: Environment, world: World, namespace: str) -> None:
    actor = world.people["operator"]
    labelled = importing.read(actor, dev, "books", namespace, Selection(labels="app=web"))
    assert sorted(labelled.kinds) == ["ConfigMap", "Deployment", "Service"]
    of_helm = importing.read(actor, dev, "books", namespace, Selection(helm_release="shop"))
    assert sorted(of_helm.kinds) == ["Deployment"]
    with pytest.raises(Unacceptable, match="Nothing of what was selected"):
        importing.read(actor, dev, "books", namespace, Selection(owner="Toy/none"))


def test_files_alone(dev: Environment, namespace: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(namespace, "--application", "books", "--environment", "dev", "--output", str(folder), "--write-only")
    assert (folder / "base/deployment/web.yaml").exists()
    assert not Application.objects.filter(name="books").exists()


@pytest.mark.usefixtures("registry")
def test_an_environment_of_its_own_where_there_is_none(cluster: Cluster, namespace: str) -> None:
    said = run(namespace, "--application", "books", "--environment", "new", "--cluster", cluster.name, "--version", "7")
    assert "The environment new is new" in said
    assert Application.objects.get(name="books").releases.get().version == "7"


class TestRefusals:
    """What is wrong, and what to do."""

    def test_another_namespace_than_the_environments(self, dev: Environment, world: World) -> None:
        with pytest.raises(Unacceptable, match="does not allow kube-system"):
            importing.read(world.people["operator"], dev, "books", "kube-system", Selection())

    def test_who_may_not_configure(self, dev: Environment, world: World, namespace: str) -> None:
        with pytest.raises(PermissionDenied):
            importing.read(world.people["developer"], dev, "books", namespace, Selection())

    def test_a_name_that_is_none(self, dev: Environment, world: World, namespace: str) -> None:
        with pytest.raises(Unacceptable, match="cannot be an application's name"):
            importing.read(world.people["operator"], dev, "No Name", namespace, Selection())

    def test_no_environment_has_the_namespace(self, dev: Environment) -> None:
        with pytest.raises(CommandError, match="Say which environment"):
            run("nowhere-at-all", "--application", "books")
