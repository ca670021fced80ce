"""The autoscalers of a cluster, kept beside its workloads."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from environments.autoscaler_sync import keep
from environments.kube.api.access import Access
from environments.kube.api.errors import Denied, KindMissing, KubeError, Unreachable
from environments.kube.autoscaling.reading import ROUNDS_BETWEEN_TRIES, AutoscalerReader
from environments.models import Cluster, Workload
from environments.workload_sync import Watching
from sandbox import Sandbox
from tests.environments.test_workload_sync import deployment

pytestmark = pytest.mark.django_db(transaction=True)


def hpa(name: str = "web", **status: Any) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"{name}-hpa", "namespace": "default"},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3},
        "status": status,
    }


def row(cluster: Cluster, name: str = "web") -> Workload:
    identity = {"kind": "Deployment", "namespace": "default", "name": name, "uid": name, "resource_version": "1"}
    return Workload.objects.create(cluster=cluster, object={}, seen_at=timezone.now(), **identity)


@pytest.fixture
def cluster(transactional_db: None) -> Cluster:
    return Cluster.objects.create(name="one", server="https://one.example")


def test_each_workload_has_its_own(cluster: Cluster):
    web, api = row(cluster), row(cluster, "api")
    assert keep(cluster.pk, [hpa(), hpa("gone")]) == 1
    web.refresh_from_db(), api.refresh_from_db()
    assert [[each["metadata"]["name"] for each in one.autoscaling] for one in (web, api)] == [["web-hpa"], []]


def test_what_has_not_changed_is_not_written(cluster: Cluster):
    row(cluster)
    assert [keep(cluster.pk, [hpa(**status)]) for status in ({}, {}, {"currentReplicas": 2})] == [1, 0, 1]


def test_an_autoscaler_that_is_gone_is_taken_away(cluster: Cluster):
    web = row(cluster)
    keep(cluster.pk, [hpa()])
    keep(cluster.pk, [])
    web.refresh_from_db()
    assert web.autoscaling == []


class Scripted:
    """A gateway whose lists answer with objects or raise."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, []

    def list(self, _version: str, kind: str) -> list[dict[str, Any]]:
        self.asked.append(kind)
        answer = self.answers.get(kind, KindMissing(f"no {kind}"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("refusal", [KindMissing, Denied])
def test_a_kind_that_is_not_there_is_asked_for_now_and_then(refusal: type[KubeError]):
    gateway = Scripted(HorizontalPodAutoscaler=[hpa()], ScaledObject=refusal("no"), VerticalPodAutoscaler=[])
    reader = AutoscalerReader(gateway, lambda objects: None)
    found = [reader.read() for _ in range(ROUNDS_BETWEEN_TRIES + 2)]
    assert all(len(objects) == 1 for objects in found)
    assert gateway.asked.count("ScaledObject") == 2


def test_a_cluster_that_does_not_answer_takes_nothing_away():
    gateway = Scripted(HorizontalPodAutoscaler=Unreachable("nobody answers"))
    told: list[Any] = []
    reader = AutoscalerReader(gateway, told.append, every=0.01)
    reader.start()
    while len(gateway.asked) < 3:
        time.sleep(0.01)
    reader.stop()
    reader.join(5)
    assert told == []
    assert not reader.is_alive()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Watching]]:
    begun: list[Watching] = []
    monkeypatch.setattr(AutoscalerReader.__init__, "__defaults__", (0.1,))

    def begin() -> Watching:
        begun.append(Watching("here", lambda cluster, applications: None))
        begun[-1].start()
        return begun[-1]

    yield begin
    for each in begun:
        each.stop()
        each.join(10)


def test_the_watching_host_keeps_them_where_keda_and_the_vpa_are_missing(running: Callable[[], Watching]):
    with Sandbox(controllers=False) as sandbox:
        sandbox.client.create(deployment())
        sandbox.client.create(hpa())
        access = Access.from_kubeconfig(sandbox.kubeconfig)
        Cluster.objects.create(name="one", server=access.server, access=access.to_json())
        host = running()
        end = time.monotonic() + 10
        while not Workload.objects.exclude(autoscaling=[]).exists():
            assert time.monotonic() < end, "it was not kept"
            time.sleep(0.05)
        host.stop()
        host.join(10)
    assert [each["metadata"]["name"] for each in Workload.objects.get().autoscaling] == ["web-hpa"]
