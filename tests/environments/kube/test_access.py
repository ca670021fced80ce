"""Kubeconfigs taken apart: what is taken, what is refused, and that nothing secret shows."""

import base64
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.kube.api.access import Access, AccessError, BearerToken

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
SECRET = "hunter2-token"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "main",
    "contexts": [{"name": "main", "context": {"cluster": "prod", "user": "bot", "namespace": "shop"}}],
    "clusters": [
        {
            "name": "prod",
            "cluster": {"server": "https://k8s.example:6443/", "certificate-authority-data": encoded(PEM)},
        }
    ],
    "users": [{"name": "bot", "user": {"token": SECRET}}],
}


def kubeconfig(*, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **top: Any) -> str:
    config = copy.deepcopy(CONFIG)
    config["clusters"][0]["cluster"].update(cluster or {})
    config["users"][0]["user"].update(user or {})
    return yaml.safe_dump({**config, **top})


def test_what_is_taken() -> None:
    access = Access.from_kubeconfig(kubeconfig())
    assert access == Access("https://k8s.example:6443", PEM, SECRET, namespace="shop")


def test_a_client_certificate_is_taken_with_its_key() -> None:
    user = {"token": "", "client-certificate-data": encoded(PEM), "client-key-data": encoded(KEY)}
    access = Access.from_kubeconfig(kubeconfig(user=user))
    assert (access.certificate_pem, access.key_pem, access.token) == (PEM, KEY, "")


def test_another_context_can_be_named() -> None:
    contexts = [*CONFIG["contexts"], {"name": "other", "context": {"cluster": "prod", "user": "bot"}}]
    assert Access.from_kubeconfig(kubeconfig(contexts=contexts), "other").namespace == ""


REFUSED_USERS = [
    ("exec", {"command": "aws"}),
    ("auth-provider", {"name": "gcp", "config": {"cmd-path": "/bin/gcloud"}}),
    ("tokenFile", "/etc/token"),
    ("client-certificate", "/etc/c.pem"),
    ("client-key", "/etc/k.pem"),
    ("username", "admin"),
    ("password", "hunter2"),
    ("as", "cluster-admin"),
]
REFUSED_CLUSTERS = [
    ("insecure-skip-tls-verify", True),
    ("certificate-authority", "/etc/ca.pem"),
    ("proxy-url", "http://proxy.example"),
]


@pytest.mark.parametrize(("key", "value"), REFUSED_USERS, ids=[key for key, _ in REFUSED_USERS])
def test_a_user_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(AccessError, match=f"The user bot has `{key}`, which is refused"):
        Access.from_kubeconfig(kubeconfig(user={key: value}))


@pytest.mark.parametrize(("key", "value"), REFUSED_CLUSTERS, ids=[key for key, _ in REFUSED_CLUSTERS])
def test_a_cluster_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(AccessError, match=f"The cluster prod has `{key}`, which is refused"):
        Access.from_kubeconfig(kubeconfig(cluster={key: value}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"not valid YAML \(line 1\)"),
        ("just words", "not a kubeconfig"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        (f"a: {'9' * 5000}", "not valid YAML"),
        ("a: 2024-99-99", "not valid YAML"),
        ("a: &a [x]\nb: {<<: [*a, *a]}", "has aliases"),
        ("[" * 10_000, "nested too deep"),
        ("#" * 2_000_000, "larger than 1024 KiB"),
        (kubeconfig(user={"token": "hunter2\r\nX-Remote-User: admin"}), "`token` has characters that no token has"),
        (kubeconfig(cluster={"server": "https://k8s.example/?"}), "has a query or characters"),
        (kubeconfig(cluster={"server": "https://k8s.example/#"}), "has a query or characters"),
        (kubeconfig(cluster={"server": "https://k8s.example/a b"}), "has a query or characters"),
        (kubeconfig(contexts=[]), "no context named 'main'"),
        (kubeconfig(**{"current-context": ""}), "no current-context"),
        (kubeconfig(users=[]), "no user named 'bot'"),
        (kubeconfig(clusters=[{"name": "x", "cluster": {}}]), "no cluster named 'prod'"),
        (kubeconfig(clusters={"prod": {}}), "`clusters` is not a list"),
        (kubeconfig(user={"token": ""}), "no credential"),
        (kubeconfig(user={"client-certificate-data": encoded(PEM)}), "needs its key"),
        (kubeconfig(cluster={"server": "k8s.example"}), "not an address"),
        (kubeconfig(cluster={"server": "http://k8s.example"}), "http on k8s.example, which is refused"),
        (kubeconfig(cluster={"server": "https://me:hunter2@k8s.example"}), "has a password in it"),
        (kubeconfig(cluster={"certificate-authority-data": "%%%"}), "not base64 of PEM"),
        (kubeconfig(cluster={"certificate-authority-data": encoded("text")}), "no PEM block"),
    ],
)
def test_what_cannot_be_used_is_told(text: str, words: str) -> None:
    with pytest.raises(AccessError, match=words) as raised:
        Access.from_kubeconfig(text)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("server", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_plain_http_is_taken_on_this_machine(server: str) -> None:
    assert Access.from_kubeconfig(kubeconfig(cluster={"server": server})).server == server


def test_nothing_secret_is_shown() -> None:
    user = {"client-certificate-data": encoded(PEM), "client-key-data": encoded(KEY)}
    access = Access.from_kubeconfig(kubeconfig(user=user))
    assert SECRET not in repr(access)
    assert "PRIVATE KEY" not in repr(access)
    assert repr(BearerToken(access)).count(SECRET) == 0


def test_it_survives_being_stored() -> None:
    access = Access.from_kubeconfig(kubeconfig())
    assert Access.from_json(access.to_json()) == access


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name, text in {"token": "first\n", "ca.crt": PEM, "namespace": "slipway\n"}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_pod_has_its_own_way_in(account: Path) -> None:
    access = Access.in_cluster(account)
    assert (access.server, access.token, access.namespace) == ("https://10.0.0.1:443", "first", "slipway")
    assert "first" not in access.to_json()


def test_the_token_of_a_pod_is_read_again(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bearer = BearerToken(Access.in_cluster(account))
    (account / "token").write_text("second")
    assert bearer.token() == "first"
    monkeypatch.setattr("environments.kube.api.access.TOKEN_SECONDS", 0.0)
    assert bearer.token() == "second"


def test_elsewhere_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(AccessError, match="no pod of a cluster"):
        Access.in_cluster()
