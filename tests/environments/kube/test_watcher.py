"""A watch against a server that does what API servers do: errors, silence, expiry, restarts and refusals."""

import json
import queue
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.watch.watcher import Pace, Watcher, relevant
from tests.environments.kube.scripted import scripted
from tests.patience import SOON

SHAPES = Path(__file__).parent / "shapes"
PATH = "/apis/apps/v1/deployments"
KINDS = {"/apis/apps/v1": json.loads((SHAPES / "apis-apps-v1.json").read_text())}
FAST = Pace(0.01, 0.05, poll_every=0.05, read_timeout=5, steady=0.2, polls_between_refusals=2)
END = {
    "type": "BOOKMARK",
    "object": {"metadata": {"resourceVersion": "100", "annotations": {"k8s.io/initial-events-end": "true"}}},
}
EXPIRED = json.loads((SHAPES / "watch-410-expired.json").read_text())
DENIED = json.loads((SHAPES / "403-forbidden.json").read_text())


def web(name="web", version="7", uid=""):
    return {"metadata": {"name": name, "namespace": "shop", "uid": uid or f"u-{name}", "resourceVersion": version}}


def change(kind, obj):
    return {"type": kind, "object": obj}


def bookmark(version):
    return change("BOOKMARK", {"metadata": {"resourceVersion": version}})


def watch(*events, then="hold"):
    def act(exchange):
        exchange.open()
        for event in events:
            exchange.line(event)
        getattr(exchange, then)()

    return act


def refuse(status, body=b"", headers=None):
    return lambda exchange: exchange.answer(status, body, headers)


def listed(*objects):
    return refuse(200, {"metadata": {"resourceVersion": "50"}, "items": list(objects)})


class Seen:
    """What a watcher told, in order."""

    def __init__(self):
        self.events = queue.Queue()
        self.states = []

    def on_event(self, kind, obj):
        metadata = obj.get("metadata", {})
        self.events.put((kind, metadata.get("name", ""), metadata.get("resourceVersion", "")))

    def next(self, count):
        return [self.events.get(timeout=5) for _ in range(count)]

    @property
    def modes(self):
        return [state.mode for state in self.states]


@contextmanager
def watching(*acts, pace=FAST):
    with scripted(*acts) as server:
        server.fixed = KINDS
        seen = Seen()
        gateway = Gateway(Access(server=server.url, token="t"), attempts=1)
        watcher = Watcher(
            gateway,
            "apps/v1",
            "Deployment",
            labels="slipway.dev/managed=true",
            on_event=seen.on_event,
            on_state=seen.states.append,
            pace=pace,
        )
        watcher.start()
        try:
            yield server, seen, watcher
        finally:
            watcher.stop()
            watcher.join(5)
            gateway.close()
            assert not watcher.is_alive()


def eventually(true, seconds=5):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert true()


SYNCED = ("SYNCED", "", "")


def test_a_watch_tells_what_is_there_and_then_every_change():
    events = [change("ADDED", web()), END, change("MODIFIED", web(version="101")), bookmark("110")]
    with watching(watch(*events, change("DELETED", web(version="111")))) as (server, seen, watcher):
        assert seen.next(4) == [
            ("ADDED", "web", "7"),
            SYNCED,
            ("MODIFIED", "web", "101"),
            ("DELETED", "web", "111"),
        ]
        assert seen.modes == ["live"]
        assert watcher.state.live
    method, path, query = server.asked[0]
    assert (method, path) == ("GET", PATH)
    assert 270 <= int(query.pop("timeoutSeconds")) <= 330
    assert query == {
        "watch": "1",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "labelSelector": "slipway.dev/managed=true",
    }


def test_after_an_orderly_end_it_goes_on_from_the_last_version():
    first = watch(change("ADDED", web()), END, bookmark("120"), then="finish")
    with watching(first, watch(change("MODIFIED", web(version="121")))) as (server, seen, _):
        assert seen.next(3)[-1] == ("MODIFIED", "web", "121")
        assert seen.modes == ["live"]
    query = server.asked[1][2]
    assert query["resourceVersion"] == "120"
    assert "sendInitialEvents" not in query


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(watch(change("ADDED", web()), END, EXPIRED), id="expired in the stream"),
        pytest.param(watch(change("ADDED", web()), END, then="cut"), id="broken off"),
        pytest.param(watch(change("ADDED", web()), END, {"type": "ERROR", "object": {}}), id="unknown error"),
    ],
)
def test_after_an_error_it_starts_again_and_tells_only_what_changed_meanwhile(broken):
    again = watch(change("ADDED", web()), change("ADDED", web("new")), END)
    with watching(broken, again) as (server, seen, _):
        assert seen.next(4) == [("ADDED", "web", "7"), SYNCED, ("ADDED", "new", "7"), SYNCED]
        eventually(lambda: seen.modes == ["live", "reconnecting", "live"])
        assert seen.states[1].why
    assert "sendInitialEvents" in server.asked[1][2]


def test_an_expired_version_at_the_door_starts_again_too():
    first = watch(change("ADDED", web()), END, then="finish")
    with watching(first, refuse(410, EXPIRED["object"]), watch(END)) as (server, seen, _):
        assert seen.next(4) == [("ADDED", "web", "7"), SYNCED, ("DELETED", "web", "7"), SYNCED]
    assert [query.get("resourceVersion") for _, _, query in server.asked[:3]] == [None, "100", None]


def test_what_vanished_or_was_replaced_during_an_interruption_is_told():
    first = watch(change("ADDED", web("gone")), change("ADDED", web("other")), END, then="cut")
    again = watch(change("ADDED", web("other", "60", uid="new")), END)
    with watching(first, again) as (_, seen, _):
        assert seen.next(7)[3:] == [
            ("DELETED", "other", "7"),
            ("ADDED", "other", "60"),
            ("DELETED", "gone", "7"),
            SYNCED,
        ]


def test_a_changed_object_is_modified_after_an_interruption():
    again = watch(change("ADDED", web(version="60")), END)
    with watching(watch(change("ADDED", web()), END, then="cut"), again) as (_, seen, _):
        assert seen.next(4)[2] == ("MODIFIED", "web", "60")


def test_silence_beyond_the_read_timeout_is_a_dead_connection():
    first = watch(change("ADDED", web()), END)
    with watching(first, watch(END), pace=FAST._replace(read_timeout=0.2)) as (_, seen, _):
        assert seen.next(4)[-2:] == [("DELETED", "web", "7"), SYNCED]
        assert "reconnecting" in seen.modes


def test_where_watching_is_refused_it_lists_and_tries_again_later():
    acts = [refuse(403, DENIED), listed(web()), listed(web(version="51")), listed(), watch(END)]
    with watching(*acts) as (server, seen, watcher):
        assert seen.next(6) == [
            ("ADDED", "web", "7"),
            SYNCED,
            ("MODIFIED", "web", "51"),
            SYNCED,
            ("DELETED", "web", "51"),
            SYNCED,
        ]
        eventually(lambda: watcher.state.live)
        assert seen.modes == ["polling", "live"]
        assert "watching is refused" in seen.states[0].why
    assert ["watch" in query for _, _, query in server.asked[:5]] == [True, False, False, False, True]


def test_after_repeated_failures_it_lists_until_a_watch_works_again():
    acts = [refuse(503)] * 5 + [listed(web()), watch(change("ADDED", web()), END)]
    with watching(*acts) as (_, seen, watcher):
        assert seen.next(3) == [("ADDED", "web", "7"), SYNCED, SYNCED]
        eventually(lambda: watcher.state.live)
        assert seen.modes == ["reconnecting", "polling", "live"]


def test_where_listing_fails_too_it_says_that_nothing_arrives():
    with watching(refuse(403, DENIED)) as (server, _seen, watcher):
        eventually(lambda: len(server.asked) > 3)
        assert not watcher.state.live
        assert watcher.state.mode == "reconnecting"
        assert "list" in watcher.state.why


@pytest.mark.parametrize(
    "old",
    [
        pytest.param(
            refuse(422, {"kind": "Status", "code": 422, "reason": "Invalid", "message": "sendInitialEvents"}),
            id="refuses it",
        ),
        pytest.param(watch(change("ADDED", web()), bookmark("9")), id="does not know it"),
    ],
)
def test_a_server_without_watch_lists_is_listed_first(old):
    with watching(old, listed(web()), watch(change("MODIFIED", web(version="51")))) as (server, seen, watcher):
        events = seen.next(3)
        assert events[0] == ("ADDED", "web", "7")
        assert SYNCED in events
        assert events[-1] == ("MODIFIED", "web", "51")
        assert watcher.state.live
    assert server.asked[2][2]["resourceVersion"] == "50"


def test_pauses_grow_while_nothing_works():
    pace = FAST._replace(first_pause=0.05, longest_pause=0.4, failures_before_polling=99)
    with watching(refuse(503), pace=pace) as (server, _, _):
        time.sleep(1.0)
        assert 3 <= len(server.asked) <= 9


def test_quick_ends_are_not_answered_with_a_storm():
    pace = FAST._replace(first_pause=0.1, longest_pause=0.4)
    with watching(watch(END, then="finish"), pace=pace) as (server, _, _):
        time.sleep(0.6)
        assert len(server.asked) <= 8


def test_a_callback_that_raises_does_not_end_the_watch():
    events = [change("ADDED", web()), END]
    with scripted(watch(*events, then="finish")) as server:
        server.fixed = KINDS
        calls = []

        def raises(kind, obj):
            calls.append(kind)
            raise RuntimeError(kind)

        gateway = Gateway(Access(server=server.url, token="t"), attempts=1)
        pace = FAST._replace(longest_pause=0.01)
        watcher = Watcher(gateway, "apps/v1", "Deployment", labels="", on_event=raises, on_state=print, pace=pace)
        watcher.start()
        eventually(lambda: len(calls) > 1)
        watcher.stop()
        watcher.join(5)
        gateway.close()


@pytest.mark.parametrize("moment", ["silent", "pausing", "at once"])
def test_stop_ends_it_at_once(moment):
    act = refuse(503) if moment == "pausing" else watch(END)
    pace = Pace(first_pause=60, longest_pause=60)
    with watching(act, pace=pace) as (_server, seen, watcher):
        if moment != "at once":
            eventually(lambda: seen.states)
        watcher.stop()
        watcher.join(SOON)
        assert not watcher.is_alive()


def test_only_what_deciding_reads_is_kept():
    live = json.loads((SHAPES / "deployment-live.json").read_text())
    live["metadata"]["annotations"] |= {"slipway.dev/sequence": "4", "team": "shop"}
    kept = relevant(live)
    assert kept["status"] == live["status"]
    assert kept["images"] == [live["spec"]["template"]["spec"]["containers"][0]["image"]]
    assert kept["spec"] == {n: v for n, v in live["spec"].items() if n not in {"template", "revisionHistoryLimit"}}
    assert kept["metadata"]["annotations"] == {
        "slipway.dev/sequence": "4",
        "deployment.kubernetes.io/revision": "1",
    }
    assert kept["metadata"]["managedFields"] == [
        {"manager": "slipway", "operation": "Apply", "time": "2026-11-21T07:58:05Z"}
    ]
    assert {n: kept["metadata"][n] for n in ("name", "namespace", "uid", "generation", "labels")} == {
        n: live["metadata"][n] for n in ("name", "namespace", "uid", "generation", "labels")
    }


def test_contents_of_configuration_are_not_kept():
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "eA=="}}
    assert "data" not in relevant(secret)


def test_endpoints_are_kept():
    endpoint_slice = json.loads((SHAPES / "endpointslice.json").read_text())
    assert relevant(endpoint_slice)["endpoints"] == endpoint_slice["endpoints"]


@pytest.mark.parametrize("read", [0, 1], ids=["before it is read", "in the middle"])
def test_lines_that_are_closed_give_their_connection_back(read):
    with scripted(watch(change("ADDED", web()), END)) as server:
        gateway = Gateway(Access(server=server.url, token="t"), attempts=1)
        lines = gateway.stream(PATH, read_timeout=5)
        for _ in range(read):
            next(lines)
        response = lines._response
        lines.close()
        assert response.closed
        assert len(list(lines)) <= 1
