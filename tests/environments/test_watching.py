"""Rows of workloads follow the cluster, written by one host at a time."""

import time
from collections.abc import Callable, Collection, Iterator

import pytest
from django.utils import timezone

from environments.kube.access import Access
from environments.models import Cluster, Workload
from environments.sandbox import Sandbox
from environments.watching import Watching

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(controllers=False) as running:
        yield running


@pytest.fixture
def cluster(sandbox: Sandbox, transactional_db: None) -> Cluster:
    for found in sandbox.client.list("apps", "Deployment", "default"):
        sandbox.client.delete(found)
    access = Access.from_kubeconfig(sandbox.kubeconfig)
    return Cluster.objects.create(name="one", server=access.server, access=access.to_json())


class Told:
    """What is told of changes."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, set[str]]] = []

    def __call__(self, cluster: int, applications: Collection[str]) -> None:
        self.changes.append((cluster, set(applications)))


@pytest.fixture
def watch() -> Iterator[Callable[..., Watching]]:
    running: list[Watching] = []

    def begin(host: str = "here", told: Told | None = None) -> Watching:
        running.append(Watching(host, told or Told()))
        running[-1].start()
        return running[-1]

    yield begin
    for each in running:
        each.stop()
    for each in running:
        each.join(10)


def deployment(name: str = "web") -> dict:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"slipway.dev/managed": "true"},
            "annotations": {"slipway.dev/tracking": f"shop:apps/Deployment/default/{name}"},
        },
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": name, "image": "shop/web:1"}]},
            },
        },
    }


def until(what: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "It did not come to pass."
        time.sleep(0.02)


def row(name: str = "web") -> Workload | None:
    return Workload.objects.filter(kind="Deployment", name=name).first()


def test_what_is_created_changed_and_deleted_is_in_the_rows(
    cluster: Cluster, sandbox: Sandbox, watch: Callable[..., Watching]
) -> None:
    told = Told()
    watch(told=told)
    until(lambda: Cluster.objects.filter(watch="live").exists())
    sandbox.client.create(deployment())
    until(row)
    assert (cluster.pk, {"shop"}) in told.changes
    found = row()
    assert found
    assert found.object["metadata"]["name"] == "web"
    assert "template" not in found.object["spec"]
    sandbox.client.delete(sandbox.client.list("apps", "Deployment", "default")[0])
    until(lambda: Workload.objects.filter(name="web", deleted=True).exists())


def test_what_went_while_nobody_watched_is_marked(
    cluster: Cluster, sandbox: Sandbox, watch: Callable[..., Watching]
) -> None:
    Workload.objects.create(
        cluster=cluster, kind="Deployment", namespace="default", name="old", uid="u", object={}, seen_at=timezone.now()
    )
    sandbox.client.create(deployment())
    watch()
    until(lambda: Workload.objects.filter(name="old", deleted=True).exists())
    until(lambda: Workload.objects.filter(name="web", deleted=False).exists())


def test_one_host_watches_and_another_takes_over(cluster: Cluster, watch: Callable[..., Watching]) -> None:
    first = watch("first")
    until(lambda: Cluster.objects.filter(watched_by="first").exists())
    watch("second")
    time.sleep(0.5)
    assert Cluster.objects.filter(watched_by="first").exists()
    first.stop()
    first.join(10)
    until(lambda: Cluster.objects.filter(watched_by="second", watch="live").exists())


def test_a_cluster_that_cannot_be_used_says_so(watch: Callable[..., Watching], transactional_db: None) -> None:
    Cluster.objects.create(name="bare")
    watch()
    until(lambda: Cluster.objects.filter(trouble__contains="connect it again").exists())
