"""The sandbox's API over HTTPS: discovery, forms of answers, watches, tokens, faults, its state file."""

import contextlib
import http.client
import itertools
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from sandbox import Sandbox
from tests.sandbox.client import config_map, deployment
from tests.sandbox.over_http import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(controllers=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.faults.clear()
    for group, kind in (("", "ConfigMap"), ("apps", "Deployment")):
        for entry in running.store.entries(group, kind):
            running.store.delete(entry.key)


@pytest.fixture
def call(sandbox: Sandbox) -> Caller:
    return Caller(sandbox)


def test_a_version_lists_its_resources(call: Caller) -> None:
    listed = call("GET", "/apis/apps/v1").body["resources"]
    named = {each["name"]: each for each in listed}
    assert named["deployments"]["shortNames"] == ["deploy"]
    assert named["deployments/scale"]["kind"] == "Scale"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/apis/none/v1/things", 404, "404 page not found\n"),
        ("/apis/apps/v1/things", 404, None),
        (f"{DEPLOYMENTS}/none", 404, None),
    ],
)
def test_what_is_not_there(call: Caller, path: str, status: int, text: str | None) -> None:
    answer = call("GET", path)
    assert answer.status == status
    assert answer.body == text if text else answer.body["reason"] == "NotFound"


def test_an_apply_creates_with_201_and_then_answers_200(call: Caller) -> None:
    address = f"{DEPLOYMENTS}/web?fieldManager=slipway"
    assert [call("PATCH", address, deployment(), form=APPLY).status for _ in range(2)] == [201, 200]


def test_warnings_come_as_headers(call: Caller) -> None:
    manifest = deployment()
    manifest["spec"]["replica"] = 1
    answer = call("POST", DEPLOYMENTS, manifest)
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.replica\\""'


def test_a_table_has_the_printed_columns(call: Caller) -> None:
    call("POST", DEPLOYMENTS, deployment())
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = call("GET", f"{DEPLOYMENTS}?includeObject=None", Accept=accept).body
    assert [column["name"] for column in table["columnDefinitions"]][:3] == ["Name", "Ready", "Up-to-date"]
    assert table["rows"][0]["cells"][:2] == ["web", "0/3"]
    assert table["rows"][0]["object"] is None


def test_a_list_comes_in_pages(call: Caller) -> None:
    for name in "abc":
        call("POST", MAPS, config_map(name))
    first = call("GET", f"{MAPS}?limit=2").body
    assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    rest = call("GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}").body
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]


def test_a_body_over_three_mebibytes_is_refused(call: Caller) -> None:
    answer = call("POST", MAPS, b"x" * (3 * 1024 * 1024 + 1))
    assert (answer.status, answer.body["message"]) == (413, "Request entity too large: limit is 3145728")


def test_no_token_is_anonymous_and_a_bad_one_is_unauthorized(sandbox: Sandbox) -> None:
    anonymous = Caller(sandbox, token=None)("GET", DEPLOYMENTS)
    words = (
        'deployments.apps is forbidden: User "system:anonymous" cannot list resource "deployments" in API group "apps" '
        'in the namespace "default"'
    )
    assert (anonymous.status, anonymous.body["message"]) == (403, words)
    assert Caller(sandbox, token="bad")("GET", DEPLOYMENTS).body["reason"] == "Unauthorized"


def test_a_requested_token_works_until_it_is_revoked(sandbox: Sandbox, call: Caller) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    call("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    address = "/api/v1/namespaces/default/serviceaccounts/robot/token"
    assert call("POST", address, {"spec": {"expirationSeconds": 60}}).status == 422
    token = call("POST", address, {"spec": {"expirationSeconds": 600}}).body["status"]["token"]
    assert Caller(sandbox, token)("GET", MAPS).status == 200
    sandbox.tokens.revoke(token)
    assert Caller(sandbox, token)("GET", MAPS).status == 401


# -- watches --------------------------------------------------------------------------------------------------------


def test_a_watch_list_begins_with_what_is_there(call: Caller) -> None:
    call("POST", MAPS, config_map("a"))
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    first, end = itertools.islice(call.watch(f"{MAPS}?{query}"), 2)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_initial_events_need_their_match(call: Caller) -> None:
    assert call("GET", f"{MAPS}?watch=1&sendInitialEvents=true").status == 422


def test_losing_the_label_reads_as_deleted_and_getting_it_back_as_added(call: Caller) -> None:
    def change() -> None:
        labelled = config_map("a")
        labelled["metadata"]["labels"] = {"w": "y"}
        call("POST", MAPS, labelled)
        for value in (None, "y"):
            call("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"w": value}}}, form=MERGE)

    version = call("GET", MAPS).body["metadata"]["resourceVersion"]
    events = call.watch(f"{MAPS}?watch=1&labelSelector=w%3Dy&resourceVersion={version}&timeoutSeconds=5")
    threading.Timer(0.2, change).start()
    seen = list(itertools.islice(events, 3))
    assert [event["type"] for event in seen] == ["ADDED", "DELETED", "ADDED"]
    assert seen[1]["object"]["metadata"]["labels"] == {"w": "y"}
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(versions)


def test_a_version_beyond_the_history_is_410(sandbox: Sandbox, call: Caller) -> None:
    version = call("POST", MAPS, config_map("a")).body["metadata"]["resourceVersion"]
    call("POST", MAPS, config_map("b"))
    sandbox.store.forget("", "ConfigMap")
    (event,) = call.watch(f"{MAPS}?watch=1&resourceVersion={version}&timeoutSeconds=5")
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {version} (")


def test_cutting_the_watches_ends_them(sandbox: Sandbox, call: Caller) -> None:
    threading.Timer(0.2, sandbox.faults.cut_watches).start()
    began = time.monotonic()
    assert list(call.watch(f"{MAPS}?watch=1&timeoutSeconds=30")) == []
    assert time.monotonic() - began < 5


# -- faults ---------------------------------------------------------------------------------------------------------

ANSWERS = [
    ("error", {"status": 503}, 503, "ServiceUnavailable"),
    ("error", {"status": 500}, 500, "InternalError"),
    ("page", {"status": 502}, 502, "<h1>502</h1>"),
    ("throttle", {}, 429, "Too many requests, please try again later.\n"),
    ("gone", {}, 410, "Expired"),
    ("expired", {}, 401, "Unauthorized"),
]


@pytest.mark.parametrize(("kind", "options", "status", "said"), ANSWERS, ids=[f"{row[0]} {row[2]}" for row in ANSWERS])
def test_a_fault_answers_instead(
    sandbox: Sandbox, call: Caller, kind: str, options: dict, status: int, said: str
) -> None:
    sandbox.faults.add(kind, verb="list", path="/configmaps", count=1, **options)
    answer = call("GET", MAPS)
    assert answer.status == status
    assert said in str(answer.body)
    assert ("Retry-After" in answer.headers) is (kind == "throttle")
    assert call("GET", MAPS).status == 200


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", urllib3.exceptions.ProtocolError),
        ("close", urllib3.exceptions.ProtocolError),
        ("truncate", urllib3.exceptions.ProtocolError),
        ("hang", urllib3.exceptions.ReadTimeoutError),
    ],
)
def test_a_fault_breaks_the_connection(sandbox: Sandbox, call: Caller, kind: str, error: type[Exception]) -> None:
    sandbox.faults.add(kind, verb="list", count=1)
    call.pool.connection_pool_kw["timeout"] = 0.5
    with pytest.raises(error):
        call("GET", MAPS)
    assert call("GET", MAPS).status == 200


def test_a_slow_answer_still_comes(sandbox: Sandbox, call: Caller) -> None:
    sandbox.faults.add("slow", seconds=0.3, count=1)
    began = time.monotonic()
    assert call("GET", MAPS).status == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    "away",
    [
        "configmaps/../../other/secrets/token", "configmaps/x/../../../other/secrets/token", "../other/secrets/token",
        "services/http:web:80/proxy/../../../../../other/secrets/token", "configmaps/..%2f..%2fother%2fsecrets%2ftoken",
        "configmaps/%2e%2e/%2e%2e/other/secrets/token", "configmaps/..\\..\\other\\secrets\\token", "configmaps/..",
        "configmaps/%252e%252e", "configmaps/x%3f/../y", "/../other/secrets/token",
    ],
)  # fmt: skip
def test_no_dot_segment_leads_to_another_namespace(sandbox: Sandbox, call: Caller, away: str) -> None:
    call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"a": "hunter2"}}
    call("POST", "/api/v1/namespaces/other/secrets", secret)
    status, body = as_it_stands(sandbox, f"/api/v1/namespaces/default/{away}")
    assert 400 <= status < 500
    assert b"aHVudGVyMg" not in body


def test_a_name_is_read_as_the_path_has_it(sandbox: Sandbox, call: Caller) -> None:
    call("POST", MAPS, config_map("web", a="1"))
    assert as_it_stands(sandbox, f"{MAPS}/w%65b")[0] == 200
    assert as_it_stands(sandbox, f"{MAPS}/web%3Fx")[0] == 404
    assert b"Name parameter invalid" in as_it_stands(sandbox, f"{MAPS}/%2e%2e")[1]


def as_it_stands(sandbox: Sandbox, path: str) -> tuple[int, bytes]:
    """The answer to a path that no client has put in order before."""
    at = urllib3.util.parse_url(sandbox.url)
    context = ssl.create_default_context(cadata=sandbox.certificates.authority)
    connection = http.client.HTTPSConnection(at.host or "", at.port, context=context, timeout=5)
    with contextlib.closing(connection):
        connection.putrequest("GET", path)
        connection.putheader("Authorization", f"Bearer {sandbox.token}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_fault_meets_only_what_it_names(sandbox: Sandbox, call: Caller) -> None:
    sandbox.faults.add("error", verb="patch", path="/deployments/web")
    assert call("GET", MAPS).status == 200
    assert call("PATCH", f"{DEPLOYMENTS}/web?fieldManager=a", deployment(), form=APPLY).status == 503


def test_faults_are_switched_over_http(call: Caller) -> None:
    made = call("POST", "/sandbox/faults", {"kind": "error", "verb": "list", "duration": 60})
    assert made.status == 201
    assert call("GET", MAPS).status == 503
    assert call("DELETE", f"/sandbox/faults/{made.body['id']}").body == {"faults": []}
    assert call("GET", MAPS).status == 200
    assert call("POST", "/sandbox/faults", {"kind": "nonsense"}).status == 400


def test_the_state_file_keeps_objects_token_and_certificates(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with Sandbox(controllers=False, state=state) as first:
        Caller(first)("POST", MAPS, config_map("kept", a="1"))
        token, authority = first.token, first.certificates.authority
    assert state.stat().st_mode & 0o077 == 0
    with Sandbox(controllers=False, state=state) as second:
        assert (second.token, second.certificates.authority) == (token, authority)
        assert Caller(second)("GET", f"{MAPS}/kept").body["data"] == {"a": "1"}
