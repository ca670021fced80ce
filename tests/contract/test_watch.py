"""Watches, as raw lines: kubernetes-verified, section 5."""

import json
import threading
import time
from collections.abc import Iterator

import pytest

from environments.kube.api.client import Lines
from environments.kube.api.errors import Rejected
from tests.contract.objects import Manifest, config_map
from tests.contract.space import MERGE, Space

LABEL = "set=ours"


def _is_of_the_minute(event: Manifest) -> bool:
    """A bookmark that a server sends once in a while, between any two events, and not at the end of what was there."""
    annotations = event["object"].get("metadata", {}).get("annotations") or {}
    return event["type"] == "BOOKMARK" and "k8s.io/initial-events-end" not in annotations


class Watch:
    """A watch of ConfigMaps with our label, read in a thread."""

    def __init__(self, space: Space, *, seconds: int = 60, **query: str) -> None:
        given = {"watch": "1", "labelSelector": LABEL, "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        path = f"/api/v1/namespaces/{space.name}/configmaps"
        self.space = space
        self.lines: Lines = space.gateway.stream(path, query=list({**given, **query}.items()))
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
        self.space.until(lambda: len(self.told()) >= len(wanted), seconds=10)
        return self.told()

    def told(self) -> list[tuple[str, str]]:
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in self.events]

    def close(self) -> None:
        self.lines.close()
        self.thread.join(5)


FROM_THE_START = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}


@pytest.fixture
def watch(space: Space) -> Iterator[Watch]:
    labelled(space, "first")
    watch = Watch(space, **FROM_THE_START)
    yield watch
    watch.close()


def labelled(space: Space, name: str, **data: str) -> Manifest:
    manifest = config_map(name, **data)
    manifest["metadata"]["labels"] = {"set": "ours"}
    return space.apply(manifest).object


def label(space: Space, name: str, value: str | None) -> None:
    ref = space.ref("ConfigMap", name, "v1")
    space.done(space.patch(ref, {"metadata": {"labels": {"set": value}}}, "kubectl-label", form=MERGE))


START = [("ADDED", "first"), ("BOOKMARK", "")]


def test_what_is_there_comes_first_and_ends_with_a_bookmark(watch: Watch) -> None:
    assert watch.until(*START) == START
    bookmark = watch.events[1]["object"]
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["metadata"]["resourceVersion"]) >= int(watch.events[0]["object"]["metadata"]["resourceVersion"])


def test_changes_follow_in_order_within_a_second(space: Space, watch: Watch) -> None:
    watch.until(*START)
    start = time.monotonic()
    labelled(space, "second", n="1")
    changed = labelled(space, "second", n="2")
    space.gateway.delete(space.ref("ConfigMap", "second", "v1"))
    expected = [*START, ("ADDED", "second"), ("MODIFIED", "second"), ("DELETED", "second")]
    assert watch.until(*expected) == expected
    assert time.monotonic() - start < 1.0
    assert watch.events[3]["object"] == {**changed, "apiVersion": "v1", "kind": "ConfigMap"}


def test_an_object_that_loses_its_label_seems_deleted_and_comes_back_as_added(space: Space, watch: Watch) -> None:
    watch.until(*START)
    label(space, "first", None)
    label(space, "first", "ours")
    expected = [*START, ("DELETED", "first"), ("ADDED", "first")]
    assert watch.until(*expected) == expected
    assert space.live(space.ref("ConfigMap", "first", "v1"))


def test_others_are_not_told(space: Space, watch: Watch) -> None:
    watch.until(*START)
    space.apply(config_map("another"))
    labelled(space, "ours")
    assert watch.until(*START, ("ADDED", "ours"))[2:] == [("ADDED", "ours")]


def test_a_watch_from_a_version_tells_what_came_after_it(space: Space) -> None:
    version = labelled(space, "before")["metadata"]["resourceVersion"]
    labelled(space, "after")
    watch = Watch(space, resourceVersion=version)
    assert watch.until(("ADDED", "after")) == [("ADDED", "after")]
    watch.close()


def test_a_watch_ends_when_its_time_is_up(space: Space) -> None:
    watch = Watch(space, seconds=1, **FROM_THE_START)
    watch.thread.join(5)
    assert not watch.thread.is_alive()


def test_any_thread_may_end_it(watch: Watch) -> None:
    watch.until(*START)
    watch.close()
    assert not watch.thread.is_alive()


def test_the_start_needs_its_match(space: Space) -> None:
    path = f"/api/v1/namespaces/{space.name}/configmaps"
    with pytest.raises(Rejected) as raised:
        space.gateway.stream(path, query=[("watch", "1"), ("sendInitialEvents", "true")])
    assert raised.value.status == 422


def test_a_watch_of_an_unknown_kind_is_refused(space: Space) -> None:
    answer = space.gateway.raw("GET", "/apis/apps/v1/nothings", query=[("watch", "1")])
    assert answer.status == 404
