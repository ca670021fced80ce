"""No text leads a request out of its namespace, its kind, or its Service."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.api.errors import Unaddressable
from environments.kube.api.paths import Path, of_kind, of_log, of_service, of_version, probe_fault, within
from environments.kube.objects import Ref
from environments.kube.status.owner_references import labelled

FRAGMENTS = (
    "..", ".", "/", "\\", "?", "#", "%", ";", "&", "=", ":", "@", " ", "\t", "\r\n", "\0", "\x7f", "é", "\u202e",
    "\ud800", "*",
    "%2e", "%2E", "%2f", "%2F", "%5c", "%3f", "%23", "%00", "%0d%0a", "%252e", "%252f", "%c0%ae", "%c0%af", "%", "%zz",
    "..;", "a", "web", "Web", "web-1", "system:view", "kube-system", "secrets", "namespaces", "http://evil",
    "//evil",
)  # fmt: skip
GOOD = ("web", "web-1", "web.v1", "system:aggregate-to-view", "0", "kube-system")
TEXT = st.one_of(st.sampled_from(GOOD), st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join), st.text())
WHOLE = settings(max_examples=400, deadline=None)


class Recorder(NamedTuple):
    """A server that says that it has every kind, as `things`, and what it was asked for."""

    gateway: Gateway
    targets: list[str]
    kinds: list[str]


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    targets: list[str] = []
    kinds: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            targets.append(self.path)
            resources = [{"kind": kind, "name": "things", "namespaced": True} for kind in kinds]
            body = json.dumps({"resources": resources, "items": [], "metadata": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway = Gateway(Access(f"http://127.0.0.1:{server.server_port}", token="t"), attempts=1)
    yield Recorder(gateway, targets, kinds)
    gateway.close()
    server.shutdown()
    server.server_close()


CALLS: dict[str, Callable[[Gateway, Ref], object]] = {
    "get": lambda gateway, ref: gateway.get(ref),
    "delete": lambda gateway, ref: gateway.delete(ref),
    "json patch": lambda gateway, ref: gateway.json_patch(ref, []),
    "merge patch": lambda gateway, ref: gateway.merge_patch(ref, {}),
    "apply": lambda gateway, ref: gateway.apply(manifest(ref), manager="m", dry_run=True),
    "create": lambda gateway, ref: gateway.create(manifest(ref)),
    "list": lambda gateway, ref: gateway.list(ref.api_version, ref.kind, ref.namespace),
}
WITHOUT_NAME = ("create", "list")


def manifest(ref: Ref) -> dict[str, Any]:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def reached(target: str) -> list[str]:
    """The segments that the strangest server on the way would make of a request's target."""
    path, before = target.partition("?")[0].partition("#")[0], ""
    while path != before:
        before, path = path, unquote(path, errors="replace")
    parts: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        if (name := segment.partition(";")[0]) == "..":
            del parts[-1:]
        elif name not in ("", "."):
            parts.append(segment)
    return parts


@WHOLE
@given(call=st.sampled_from(sorted(CALLS)), version=TEXT, kind=TEXT, namespace=TEXT, name=TEXT)
@example("get", "v1", "Secret", "shop", "../../other/secrets/token")
@example("get", "v1", "Secret", "../other", "token")
@example("list", "v1", "Secret", "other/secrets?x=", "")
@example("get", "v1/namespaces/other/secrets/token?", "Secret", "shop", "x")
@example("delete", "apps/v1", "Deployment", "shop", "")
@example("create", "v1", "Secret", "", "token")
@example("get", "rbac.authorization.k8s.io/v1", "Role", "shop", "system:aggregate-to-view")
def test_a_request_for_an_object_reaches_that_object_or_does_not_leave(
    recorder: Recorder, call: str, version: str, kind: str, namespace: str, name: str
) -> None:
    recorder.targets.clear()
    recorder.kinds[:] = [kind]
    recorder.gateway._discovery.forget(version)
    try:
        CALLS[call](recorder.gateway, Ref(version, kind, namespace, name))
    except Unaddressable:
        assert not [target for target in recorder.targets if "things" in target]
        return
    root = ["apis" if "/" in version else "api", *version.split("/")]
    asked, last = recorder.targets[:-1], recorder.targets[-1]
    assert all(reached(target) == root for target in asked)
    place = ["namespaces", namespace] if namespace else []
    assert reached(last) == [*root, *place, "things", *([] if call in WITHOUT_NAME else [name])]
    assert namespace or call == "list"


@WHOLE
@given(namespace=TEXT, service=TEXT, port=st.one_of(st.integers(), TEXT), path=st.one_of(TEXT, TEXT.map("/{}".format)))
@example("shop", "web", 80, "/../../../../../../../../api/v1/namespaces/other/secrets/token")
@example("shop", "web", 80, "/..%2f..%2f..%2fother")
@example("shop", "web", 80, "/a/../b?x=/../..")
@example("shop", "web", 80, "//other.example/")
@example("shop", "web:80/proxy/../../../secrets/token?", 80, "/")
@example("shop", "web", "80/../../x", "/")
def test_a_probe_reaches_its_service_or_does_not_leave(
    recorder: Recorder, namespace: str, service: str, port: int | str, path: str
) -> None:
    recorder.targets.clear()
    try:
        recorder.gateway.proxy(namespace, service, port, path)
    except Unaddressable:
        assert recorder.targets == []
        return
    [target] = recorder.targets
    front = ["api", "v1", "namespaces", namespace, "services", f"http:{service}:{port}", "proxy"]
    assert target.startswith(f"/{'/'.join(front)}/")
    assert reached(target)[: len(front)] == front


@WHOLE
@given(namespace=TEXT, pod=TEXT, container=TEXT)
def test_a_log_is_that_of_the_pod_or_is_not_asked_for(
    recorder: Recorder, namespace: str, pod: str, container: str
) -> None:
    recorder.targets.clear()
    try:
        recorder.gateway.logs(namespace, pod, container)
    except Unaddressable:
        assert recorder.targets == []
        return
    assert reached(recorder.targets[0]) == ["api", "v1", "namespaces", namespace, "pods", pod, "log"]


@WHOLE
@example("/;")
@example("/a/;b/c")
@given(st.text().map("/{}".format))
def test_what_is_sent_is_what_was_built(text: str) -> None:
    try:
        path = Path(text)
    except Unaddressable:
        return
    assert path.isascii()
    assert reached(path) == [unquote(segment) for segment in path.strip("/").split("/")]


LEADS_AWAY = [
    "",
    "healthz",
    "/..",
    "/../x",
    "/a/..",
    "/a/../b",
    "/.",
    "/./a",
    "//",
    "//a",
    "/a//b",
    "/%2e%2e/a",
    "/%2E./a",
    "/.%2e",
    "/%252e%252e/a",
    "/..%2fa",
    "/a%2f..%2f..%2fb",
    "/..\\a",
    "/a\\b",
    "/%5c",
    "/..%5c",
    "/a#b",
    "/a?x#y",
    "/a%23",
    "/a%3fb",
    "/..;/a",
    "/..;x=1/a",
    "/%2e%2e;/a",
    "/a\r\nX: y",
    "/a\0",
    "/%0d%0a",
    "/%00",
    "/\ud800",
    "/%c0%ae%c0%ae/",
    "/\u202e",
    "http://evil/",
    "/" + "a" * 2001,
]


@pytest.mark.parametrize("path", LEADS_AWAY, ids=ascii)
def test_a_probe_that_could_leave_its_service_is_refused(path: str) -> None:
    assert probe_fault(path)
    with pytest.raises(Unaddressable):
        of_service("shop", "web", 80, path)


@pytest.mark.parametrize(
    ("path", "sent", "query"),
    [
        ("/", "/", []),
        ("/healthz", "/healthz", []),
        ("/healthz/", "/healthz/", []),
        ("/healthz?full=1&next=/../x", "/healthz", [("full", "1"), ("next", "/../x")]),
        ("/?a=b?c", "/", [("a", "b?c")]),
        ("/a b/é", "/a%20b/%C3%A9", []),
        ("/a%20b", "/a%20b", []),
        ("/100%", "/100%25", []),
        ("/.well-known/a..b/...", "/.well-known/a..b/...", []),
        ("/v1/x:y@z;p=1,2", "/v1/x:y@z;p=1,2", []),
    ],
)
def test_the_usual_paths_of_probes_are_asked_as_they_are(path: str, sent: str, query: list[tuple[str, str]]) -> None:
    base = "/api/v1/namespaces/shop/services/http:web:80/proxy"
    assert of_service("shop", "web", 80, path) == (f"{base}{sent}", query)


def test_paths_are_those_of_the_api() -> None:
    assert of_version("apps/v1") == "/apis/apps/v1"
    assert of_kind("v1", "pods") == "/api/v1/pods"
    deployments = within("shop", "apps/v1", "deployments")
    assert deployments / "web" / "scale" == "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    assert of_log("shop", "web-1") == "/api/v1/namespaces/shop/pods/web-1/log"
    assert of_service("shop", "web", "http", "/")[0] == "/api/v1/namespaces/shop/services/http:web:http/proxy/"


@pytest.mark.parametrize(
    ("key", "value"), [("a", "b,c"), ("a", "b)"), ("a in (x),b", "c"), ("a", "b\n"), ("!a", ""), ("", "b")]
)
def test_a_label_that_asks_for_something_else_is_refused(key: str, value: str) -> None:
    with pytest.raises(Unaddressable):
        labelled({key: value})
