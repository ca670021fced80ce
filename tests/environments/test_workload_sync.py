"""Rows of workloads follow the cluster, written by one host at a time."""

import time
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from environments.kube.api.access import Access
from environments.kube.api.transport import Transport
from environments.models import Cluster, Workload
from environments.workload_sync import Watching
from sandbox import Sandbox

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
    until(lambda: Cluster.objects.filter(lease_owner="first").exists())
    watch("second")
    time.sleep(0.5)
    assert Cluster.objects.filter(lease_owner="first").exists()
    first.stop()
    first.join(10)
    until(lambda: Cluster.objects.filter(lease_owner="second", watch="live").exists())


def test_a_cluster_that_cannot_be_used_says_so(watch: Callable[..., Watching], transactional_db: None) -> None:
    Cluster.objects.create(name="bare")
    watch()
    until(lambda: Cluster.objects.filter(trouble__contains="connect it again").exists())


def test_a_breaker_that_nobody_notes_any_more_is_closed_by_a_watch_that_works(
    cluster: Cluster, watch: Callable[..., Watching]
) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Cluster.objects.filter(pk=cluster.pk).update(breaker="open", state_since=long_ago)
    watch()
    until(lambda: Cluster.objects.filter(breaker="closed", state_since__gt=long_ago).exists())


def test_a_breaker_that_another_process_noted_just_now_is_left(
    cluster: Cluster, watch: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.workload_sync.RENEW", 0.05)
    Cluster.objects.filter(pk=cluster.pk).update(breaker="open", state_since=timezone.now())
    watch()
    until(lambda: Cluster.objects.filter(watch="live").exists())
    first = Cluster.objects.get().lease_until
    until(lambda: Cluster.objects.filter(lease_until__gt=first + timedelta(seconds=0.2)).exists())
    assert Cluster.objects.get().breaker == "open"


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_write_that_fails_is_made_again(
    error: type[Exception], cluster: Cluster, sandbox: Sandbox, watch: Callable[..., Watching]
) -> None:
    failing = [error("the database went away")] * 2
    write = Watching._write

    def stumbling(self: Watching, told: Any) -> None:
        if told and failing:
            raise failing.pop()
        write(self, told)

    sandbox.client.create(deployment())
    with patch.object(Watching, "_write", stumbling):
        watch()
        until(row)
    assert not failing


def test_whose_object_went_while_nobody_watched_is_told(cluster: Cluster, watch: Callable[..., Watching]) -> None:
    told = Told()
    old = {**deployment("old"), "status": {}}
    Workload.objects.create(
        cluster=cluster, kind="Deployment", namespace="default", name="old", uid="u", object=old, seen_at=timezone.now()
    )
    watch(told=told)
    until(lambda: (cluster.pk, {"shop"}) in told.changes)


def test_a_listener_that_raises_does_not_end_the_watching(
    cluster: Cluster, sandbox: Sandbox, watch: Callable[..., Watching]
) -> None:
    told = Told()
    raising = [RuntimeError("no")]

    def listener(*args: Any) -> None:
        if raising:
            raise raising.pop()
        told(*args)

    sandbox.client.create(deployment())
    watch(told=listener)
    until(lambda: row() and not raising)
    sandbox.client.create(deployment("other"))
    until(lambda: (cluster.pk, {"shop"}) in told.changes)


def test_a_lease_from_before_the_clock_was_put_back_holds_nobody_off(
    cluster: Cluster, watch: Callable[..., Watching]
) -> None:
    Cluster.objects.update(lease_owner="gone", lease_until=timezone.now() + timedelta(days=1))
    watch("here")
    until(lambda: Cluster.objects.filter(lease_owner="here").exists())


def test_one_watch_a_kind_serves_every_application_and_nothing_is_asked_of_its_own(
    cluster: Cluster, sandbox: Sandbox, watch: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, asked = [], []
    lines, ask = Transport.lines, Transport._ask
    monkeypatch.setattr(Transport, "lines", lambda self, path, *more: watched.append(path) or lines(self, path, *more))
    monkeypatch.setattr(Transport, "_ask", lambda self, call: asked.append(call) or ask(self, call))
    watch()
    until(lambda: Cluster.objects.filter(watch="live").exists())
    asked.clear()
    for name in ("web", "api", "worker"):
        sandbox.client.create(deployment(name))
    until(lambda: Workload.objects.filter(deleted=False).count() == 3)
    assert sorted(path.rpartition("/")[2] for path in watched) == ["daemonsets", "deployments", "jobs", "statefulsets"]
    # Autoscalers are listed once in a while, whatever happens to the workloads.
    lists = ("horizontalpodautoscalers", "scaledobjects", "verticalpodautoscalers")
    assert [call.path for call in asked if not call.path.endswith(lists)] == []
