"""The watcher and the history reader on both clusters."""

import queue
import time
from collections.abc import Iterator

import pytest

from environments.kube.objects import Ref
from environments.kube.status.revisions import read_history
from environments.kube.status.workload import workload_status
from environments.kube.watch.watcher import Watcher
from tests.contract.namespace import MERGE, ContractNamespace
from tests.contract.objects import config_map, deployment, statefulset
from tests.patience import SOON

LABELS = {"slipway.dev/managed": "true"}


class Watched:
    """A watcher of one namespace's ConfigMaps with our label, and what it told."""

    def __init__(self, ns: ContractNamespace) -> None:
        self.seen: queue.Queue[tuple[str, str]] = queue.Queue()
        self.watcher = Watcher(
            ns.gateway,
            "v1",
            "ConfigMap",
            labels="slipway.dev/managed=true",
            namespace=ns.name,
            on_event=lambda kind, obj: self.seen.put((kind, obj.get("metadata", {}).get("name", ""))),
            on_state=lambda state: None,
        )

    def next(self) -> tuple[str, str]:
        return self.seen.get(timeout=10)


def marked(name: str, **data: str) -> dict:
    made = config_map(name, **data)
    return {**made, "metadata": {**made["metadata"], "labels": LABELS}}


@pytest.fixture
def watched(ns: ContractNamespace) -> Iterator[Watched]:
    ns.apply(marked("first", k="1"))
    ns.apply(config_map("not-ours"))
    watched = Watched(ns)
    watched.watcher.start()
    yield watched
    watched.watcher.stop()
    watched.watcher.join(10)


def config_ref(ns: ContractNamespace, name: str) -> Ref:
    return ns.ref("ConfigMap", name, "v1")


def test_changes_arrive_as_they_happen(ns: ContractNamespace, watched: Watched):
    assert [watched.next(), watched.next()] == [("ADDED", "first"), ("SYNCED", "")]
    assert watched.watcher.state.live
    ns.apply(marked("second", k="1"))
    ns.apply(marked("first", k="2"))
    ns.gateway.delete(config_ref(ns, "second"))
    assert [watched.next() for _ in range(3)] == [("ADDED", "second"), ("MODIFIED", "first"), ("DELETED", "second")]


def test_an_object_that_loses_our_label_arrives_as_deleted_and_returns_as_added(
    ns: ContractNamespace, watched: Watched
):
    assert [watched.next(), watched.next()] == [("ADDED", "first"), ("SYNCED", "")]
    for value, told in ((None, "DELETED"), ("true", "ADDED")):
        body = {"metadata": {"labels": {"slipway.dev/managed": value}}}
        ns.done(ns.patch(config_ref(ns, "first"), body, "somebody", form=MERGE))
        assert watched.next() == (told, "first")
    assert ns.live(config_ref(ns, "first")) is not None


def test_a_silent_watch_ends_when_it_is_told_to(ns: ContractNamespace, watched: Watched):
    watched.next(), watched.next()
    time.sleep(0.2)
    watched.watcher.stop()
    watched.watcher.join(SOON)
    assert not watched.watcher.is_alive()


@pytest.mark.parametrize("make", [deployment, statefulset], ids=["Deployment", "StatefulSet"])
def test_the_revisions_of_a_workload_are_read(ns: ContractNamespace, make):
    first = make()
    ns.apply(first)
    ref = ns.ref(first["kind"], first["metadata"]["name"])
    ns.until(lambda: workload_status(ns.found(ref)).state == "done")
    second = make()
    second["spec"]["template"]["spec"]["containers"][0]["image"] = "example.test/shop/web:2"
    ns.apply(second)
    history = ns.until(lambda: len(found := read_history(ns.gateway, ns.found(ref))) == 2 and found)
    assert [(one.number, one.images["web"], one.current) for one in history] == [
        (2, "example.test/shop/web:2", True),
        (1, "example.test/shop/web:1", False),
    ]
