"""Watches, as raw lines: kubernetes-verified, section 5."""

import json
import threading
from collections.abc import Iterator

import pytest

from environments.kube.api.client import WatchLines
from environments.kube.api.errors import Rejected
from tests.contract.namespace import MERGE, ContractNamespace
from tests.contract.objects import Manifest, config_map

LABEL = "set=ours"


def _is_of_the_minute(event: Manifest) -> bool:
    """A bookmark that a server sends once in a while, between any two events, and not at the end of what was there."""
    annotations = event["object"].get("metadata", {}).get("annotations") or {}
    return event["type"] == "BOOKMARK" and "k8s.io/initial-events-end" not in annotations


class Watch:
    """A watch of ConfigMaps with our label, read in a thread."""

    def __init__(self, ns: ContractNamespace, *, seconds: int = 60, **query: str) -> None:
        given = {"watch": "1", "labelSelector": LABEL, "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        path = f"/api/v1/namespaces/{ns.name}/configmaps"
        self.ns = ns
        self.lines: WatchLines = ns.gateway.stream(path, query=list({**given, **query}.items()))
        self.events: list[Manifest] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for line in self.lines:
            event = json.loads(line)
            if not _is_of_the_minute(event):
                self.events.append(event)

    def until(self, *wanted: tuple[str, str]) -> list[tuple[str, str]]:
        """(type, name) of all events once there are as many as wanted."""
        self.ns.until(lambda: len(self.told()) >= len(wanted), seconds=10)
        return self.told()

    def told(self) -> list[tuple[str, str]]:
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in self.events]

    def close(self) -> None:
        self.lines.close()
        self.thread.join(5)


FROM_THE_START = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}


@pytest.fixture
def watch(ns: ContractNamespace) -> Iterator[Watch]:
    labelled(ns, "first")
    watch = Watch(ns, **FROM_THE_START)
    yield watch
    watch.close()


def labelled(ns: ContractNamespace, name: str, **data: str) -> Manifest:
    manifest = config_map(name, **data)
    manifest["metadata"]["labels"] = {"set": "ours"}
    return ns.apply(manifest).object


def label(ns: ContractNamespace, name: str, value: str | None) -> None:
    ref = ns.ref("ConfigMap", name, "v1")
    ns.done(ns.patch(ref, {"metadata": {"labels": {"set": value}}}, "kubectl-label", form=MERGE))


START = [("ADDED", "first"), ("BOOKMARK", "")]


def test_what_is_there_comes_first_and_ends_with_a_bookmark(watch: Watch) -> None:
    assert watch.until(*START) == START
    bookmark = watch.events[1]["object"]
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["metadata"]["resourceVersion"]) >= int(watch.events[0]["object"]["metadata"]["resourceVersion"])


def test_changes_follow_in_order(ns: ContractNamespace, watch: Watch) -> None:
    watch.until(*START)
    labelled(ns, "second", n="1")
    changed = labelled(ns, "second", n="2")
    ns.gateway.delete(ns.ref("ConfigMap", "second", "v1"))
    expected = [*START, ("ADDED", "second"), ("MODIFIED", "second"), ("DELETED", "second")]
    assert watch.until(*expected) == expected
    assert watch.events[3]["object"] == {**changed, "apiVersion": "v1", "kind": "ConfigMap"}


def test_an_object_that_loses_its_label_seems_deleted_and_comes_back_as_added(
    ns: ContractNamespace, watch: Watch
) -> None:
    watch.until(*START)
    label(ns, "first", None)
    label(ns, "first", "ours")
    expected = [*START, ("DELETED", "first"), ("ADDED", "first")]
    assert watch.until(*expected) == expected
    assert ns.live(ns.ref("ConfigMap", "first", "v1"))


def test_others_are_not_told(ns: ContractNamespace, watch: Watch) -> None:
    watch.until(*START)
    ns.apply(config_map("another"))
    labelled(ns, "ours")
    assert watch.until(*START, ("ADDED", "ours"))[2:] == [("ADDED", "ours")]


def test_a_watch_from_a_version_tells_what_came_after_it(ns: ContractNamespace) -> None:
    version = labelled(ns, "before")["metadata"]["resourceVersion"]
    labelled(ns, "after")
    watch = Watch(ns, resourceVersion=version)
    assert watch.until(("ADDED", "after")) == [("ADDED", "after")]
    watch.close()


def test_a_watch_ends_when_its_time_is_up(ns: ContractNamespace) -> None:
    watch = Watch(ns, seconds=1, **FROM_THE_START)
    watch.thread.join(5)
    assert not watch.thread.is_alive()


def test_any_thread_may_end_it(watch: Watch) -> None:
    watch.until(*START)
    watch.close()
    assert not watch.thread.is_alive()


def test_the_start_needs_its_match(ns: ContractNamespace) -> None:
    path = f"/api/v1/namespaces/{ns.name}/configmaps"
    with pytest.raises(Rejected) as raised:
        ns.gateway.stream(path, query=[("watch", "1"), ("sendInitialEvents", "true")])
    assert raised.value.status == 422


def test_a_watch_of_an_unknown_kind_is_refused(ns: ContractNamespace) -> None:
    answer = ns.gateway.raw("GET", "/apis/apps/v1/nothings", query=[("watch", "1")])
    assert answer.status == 404
