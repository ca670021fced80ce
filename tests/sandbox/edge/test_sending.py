"""The edge's own traffic: what objects ask for, and when it is due."""

import time

import pytest

from sandbox.edge.model import EdgeRequest
from sandbox.edge.sending import Senders, Sending, sending_of
from tests.sandbox.edge.objects import Manifest, meta, service

HOSTS = ("web.d", "web.d.svc")


def asking(**annotations: str) -> Manifest:
    return {**service(), "metadata": meta("web", **{f"test.slipway/{key}": text for key, text in annotations.items()})}


def config(label: str = "true", **data: str) -> Manifest:
    metadata = {**meta("load"), "labels": {"test.slipway/traffic": label}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def sent(rps: float, host: str = "web.d", path: str = "/", query: str = "", **headers: str) -> Sending:
    return Sending(rps, EdgeRequest(host, path, headers={**headers, "host": host}, query=query))


SLOW = asking(rps="0.5", path="/x?y=1", headers='{"X-Group": "b"}')
ASKED = [
    (asking(rps="20"), HOSTS, sent(20)),
    (
        asking(rps="0.5", path="/x?y=1", headers='{"X-Group": "b"}'),
        HOSTS,
        sent(0.5, path="/x", query="y=1", **{"x-group": "b"}),
    ),
    (asking(rps="5"), ("*.shop.test",), sent(5, "any.shop.test")),
    (asking(rps="5", headers="no JSON"), HOSTS, sent(5)),
    (asking(rps="5"), (), None),
    (asking(rps="0"), HOSTS, None),
    (asking(rps="much"), HOSTS, None),
    (asking(), HOSTS, None),
    (config(host="a.test", rps="3", path="/p"), (), sent(3, "a.test", "/p")),
    (config("false", host="a.test", rps="3"), (), None),
    (config(rps="3"), (), None),
]


@pytest.mark.parametrize(("obj", "hosts", "wanted"), ASKED)
def test_objects_ask_for_traffic(obj: Manifest, hosts: tuple[str, ...], wanted: Sending | None):
    assert sending_of(obj, hosts) == wanted


def test_a_label_asks_as_an_annotation_does():
    obj = {**service(), "metadata": {**meta("web"), "labels": {"test.slipway/rps": "7"}}}
    assert sending_of(obj, HOSTS) == sent(7)


def due_each_second(senders: Senders, seconds: int) -> list[int]:
    start = time.monotonic()
    return [len(senders.due(start + at + 0.01)) for at in range(1, seconds + 1)]


def test_requests_fall_due_at_their_rate():
    senders = Senders()
    senders.set("a", sent(20))
    senders.set("b", sent(5, "b.test"))
    assert due_each_second(senders, 4) == [25, 25, 25, 25]


def test_another_rate_replaces_the_first_and_none_ends_it():
    senders = Senders()
    senders.set("a", sent(20))
    senders.set("a", sent(2))
    assert due_each_second(senders, 1) == [2]
    senders.set("a", None)
    assert due_each_second(senders, 3) == [0, 0, 0]


def test_the_same_wish_again_changes_nothing():
    senders = Senders()
    for _ in range(5):
        senders.set("a", sent(10))
    assert due_each_second(senders, 2) == [10, 10]


def test_what_was_missed_for_long_is_not_made_up_for():
    senders = Senders()
    senders.set("a", sent(10))
    assert len(senders.due(time.monotonic() + 60)) <= 12


def test_the_thread_sends_until_it_is_stopped():
    senders, got = Senders(), []
    senders.set("a", sent(100))
    senders.start(got.append)
    end = time.monotonic() + 5
    while len(got) < 10 and time.monotonic() < end:
        time.sleep(0.01)
    senders.stop()
    count = len(got)
    time.sleep(0.1)
    assert count >= 10
    assert len(got) == count
    assert got[0].host == "web.d"
