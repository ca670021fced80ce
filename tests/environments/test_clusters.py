"""Registering a cluster: what is refused, what is asked of the server, and that the credential never shows."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import connection

from environments import clusters
from environments.clusters import ConnectError, gateway_for
from environments.models import Cluster
from portal.actors import SYSTEM
from portal.models import AuditEntry
from tests.portal.http_server import Server, answer, serve

pytestmark = pytest.mark.django_db
TOKEN = "very-secret-token"


def kubeconfig(server: str, **user: object) -> str:
    """A kubeconfig with one context; `user` replaces the credential."""
    return yaml.safe_dump(
        {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user or {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def api(handler: BaseHTTPRequestHandler, denied: tuple[str, ...] = (), reviews: bool = True) -> None:
    """As much of an API server as connecting asks of."""
    if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
        return answer(handler, 401, b'{"kind":"Status","code":401,"reason":"Unauthorized"}')
    if handler.path == "/version":
        return answer(handler, 200, b'{"major":"1","minor":"36","gitVersion":"v1.36.0"}')
    if not reviews:
        return answer(handler, 404, b'{"kind":"Status","code":404,"reason":"NotFound"}')
    attributes = json.loads(handler.server.last_body)["spec"]["resourceAttributes"]
    allowed = f"{attributes['verb']} {attributes['resource']}" not in denied
    return answer(handler, 201, json.dumps({"status": {"allowed": allowed}}).encode())


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        running.behave = behave(running)
        yield running


def behave(server: Server, **options: object):
    def run(handler: BaseHTTPRequestHandler) -> None:
        handler.server.last_body = server.seen[-1].body
        api(handler, **options)

    return run


def test_a_cluster_is_registered_and_reached(server: Server) -> None:
    connected = clusters.connect("main", kubeconfig(server.url("")), actor=SYSTEM)
    assert (connected.version, connected.missing) == ("v1.36.0", ())
    cluster = Cluster.objects.get(name="main")
    assert cluster.server == server.url("")
    assert gateway_for(cluster).version()["minor"] == "36"
    assert gateway_for(cluster) is gateway_for(Cluster.objects.get())


def test_the_credential_shows_nowhere(server: Server) -> None:
    cluster = clusters.connect("main", kubeconfig(server.url("")), actor=SYSTEM).cluster
    with connection.cursor() as cursor:
        cursor.execute("SELECT access FROM environments_cluster")
        assert TOKEN.encode() not in bytes(cursor.fetchone()[0])
    assert TOKEN not in str(AuditEntry.objects.values().get())
    assert TOKEN not in repr(gateway_for(cluster).access)


def test_missing_rights_are_named(server: Server) -> None:
    server.behave = behave(server, denied=("patch deployments", "delete deployments", "list events"))
    connected = clusters.connect("main", kubeconfig(server.url("")), actor=SYSTEM)
    assert connected.missing == ("patch, delete apps/deployments", "list events")
    assert "may not: patch, delete apps/deployments; list events." in Cluster.objects.get().trouble


def test_a_server_without_access_reviews_is_taken(server: Server) -> None:
    server.behave = behave(server, reviews=False)
    assert clusters.connect("main", kubeconfig(server.url("")), actor=SYSTEM).missing == ()


def test_connecting_again_gives_a_new_credential(server: Server) -> None:
    first = clusters.connect("main", kubeconfig(server.url("")), actor=SYSTEM).cluster
    second = clusters.connect("main", kubeconfig(server.url("/")), actor=SYSTEM).cluster
    assert first.pk == second.pk
    verbs = list(AuditEntry.objects.order_by("number").values_list("verb", flat=True))
    assert verbs == ["cluster.connected", "cluster.reconnected"]


def refused(kubeconfig: str, name: str = "main") -> str:
    with pytest.raises(ConnectError) as error:
        clusters.connect(name, kubeconfig, actor=SYSTEM)
    assert not Cluster.objects.exists()
    assert not AuditEntry.objects.exists()
    return str(error.value)


REFUSED = {
    "exec": ({"exec": {"command": "aws", "env": [{"name": "S", "value": TOKEN}]}}, "exec"),
    "tokenFile": ({"tokenFile": "/etc/shadow"}, "tokenFile"),
    "cmd-path": ({"auth-provider": {"config": {"cmd-path": "/bin/sh"}}}, "auth-provider"),
    "password": ({"username": "u", "password": TOKEN}, "password"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_kubeconfig_may_not_have(what: str, server: Server) -> None:
    user, word = REFUSED[what]
    said = refused(kubeconfig(server.url(""), **user))
    assert word in said
    assert TOKEN not in said
    assert not server.seen


def test_a_wrong_token_is_told_in_plain_words(server: Server) -> None:
    said = refused(kubeconfig(server.url(""), token="wrong-token"))
    assert server.url("") in said
    assert "wrong-token" not in said
    assert said.endswith(".")


def test_nobody_there_is_told_in_plain_words() -> None:
    assert "http://127.0.0.1:1 cannot be used" in refused(kubeconfig("http://127.0.0.1:1"))


@pytest.mark.parametrize("name", ["", "No Slug", "a/b", "x" * 51])
def test_a_name_has_to_be_one(name: str, server: Server) -> None:
    assert "name" in refused(kubeconfig(server.url("")), name)


def test_in_cluster_needs_a_pod() -> None:
    with pytest.raises(ConnectError, match="no pod"):
        clusters.connect_in_cluster("here", actor=SYSTEM)


def test_a_cluster_without_credential_says_what_to_do() -> None:
    with pytest.raises(ConnectError, match="connect it again"):
        gateway_for(Cluster.objects.create(name="main"))


def test_the_breaker_s_state_is_kept_for_the_screens(server: Server) -> None:
    cluster = clusters.connect("main", kubeconfig(server.url("")), actor=SYSTEM).cluster
    gateway = gateway_for(cluster)
    for _ in range(10):
        gateway.breaker.failure()
    cluster.refresh_from_db()
    assert (cluster.breaker, cluster.state_since is not None) == ("open", True)


@pytest.mark.django_db(transaction=True)
def test_a_watch_that_notes_a_breaker_s_state_keeps_no_connection_to_the_database() -> None:
    cluster = Cluster.objects.create(name="main")

    def note() -> bool:
        clusters.note_breaker(cluster.pk, "open")
        return connection.connection is None

    # Django keeps connections to databases in memory open, which the tests' is.
    in_memory = patch("django.db.backends.sqlite3.base.DatabaseWrapper.is_in_memory_db", return_value=False)
    with in_memory, ThreadPoolExecutor(1) as thread:
        assert thread.submit(note).result()
    assert Cluster.objects.get().breaker == "open"


class TestCommand:
    def test_it_connects(self, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig(server.url("")))
        call_command("connect", "main", str(path))
        printed = capsys.readouterr()
        assert f"main: {server.url('')}, Kubernetes v1.36.0" in printed.out
        assert TOKEN not in printed.out + printed.err

    def test_it_reads_standard_input_and_a_context(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", StringIO(kubeconfig(server.url(""))))
        with pytest.raises(CommandError, match="no context named 'other'"):
            call_command("connect", "main", "-", "--context", "other")

    @pytest.mark.parametrize("arguments", [("main",), ("main", "file", "--in-cluster"), ("main", "/nowhere/at/all")])
    def test_it_says_what_is_wrong(self, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError, match=r"Give a kubeconfig|cannot be read"):
            call_command("connect", *arguments)


@pytest.mark.lane("kubeconfig")
def test_a_real_cluster(tmp_path: Path) -> None:
    import os

    text = Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text()
    connected = clusters.connect("real", text, actor=SYSTEM)
    assert connected.version.startswith("v1.")
    assert connected.missing == ()


def test_a_certificate_that_is_none_is_refused(server: Server) -> None:
    pem = base64.b64encode(b"not a certificate").decode()
    said = refused(kubeconfig(server.url(""), **{"client-certificate-data": pem, "client-key-data": pem}))
    assert "client-certificate-data" in said
