"""How a cluster is reached: a kubeconfig taken apart, or the account of the pod that this runs in.

A kubeconfig can run commands and read files. Only what needs neither is taken; the rest is refused.
"""

import base64
import binascii
import ipaddress
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 60.0
LARGEST = 1024 * 1024  # characters of a kubeconfig
DEEPEST = 20  # levels of its values

REFUSED_USER = {
    "exec": "runs a command",
    "auth-provider": "runs a command or asks another service (auth-provider, cmd-path)",
    "tokenFile": "reads a file; give `token`",
    "client-certificate": "reads a file; give `client-certificate-data`",
    "client-key": "reads a file; give `client-key-data`",
    "username": "sends a password; give `token`",
    "password": "sends a password; give `token`",
    "as": "acts as somebody else",
    "as-uid": "acts as somebody else",
    "as-groups": "acts as somebody else",
    "as-user-extra": "acts as somebody else",
}
REFUSED_CLUSTER = {
    "insecure-skip-tls-verify": "trusts any server; give `certificate-authority-data`",
    "certificate-authority": "reads a file; give `certificate-authority-data`",
    "proxy-url": "sends the credential through a proxy",
}


class AccessError(ValueError):
    """A kubeconfig that cannot be used. The message names what is refused and what to give in its place."""


@dataclass(frozen=True)
class Access:
    """Where a cluster is and the credential for it. Nothing secret is in its repr."""

    server: str
    ca_pem: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    namespace: str = ""
    tls_server_name: str = ""
    account: str = ""
    """The folder of a pod's service account, whose token changes; "" where the token is given."""

    @classmethod
    def from_kubeconfig(cls, text: str, context: str | None = None) -> "Access":
        """The access that a kubeconfig's context gives, its current one by default. Raises AccessError."""
        config = _parse(text)
        chosen = _entry(config, "context", context or config.get("current-context") or "")
        name = str(chosen.get("cluster") or "")
        cluster = _entry(config, "cluster", name)
        user = _entry(config, "user", str(chosen.get("user") or ""))
        _refuse(cluster, REFUSED_CLUSTER, f"The cluster {name}")
        _refuse(user, REFUSED_USER, f"The user {chosen.get('user')}")
        access = cls(
            server=_server(str(cluster.get("server") or "")),
            ca_pem=_pem(cluster, "certificate-authority-data"),
            token=_token(user),
            certificate_pem=_pem(user, "client-certificate-data"),
            key_pem=_pem(user, "client-key-data"),
            namespace=str(chosen.get("namespace") or ""),
            tls_server_name=str(cluster.get("tls-server-name") or ""),
        )
        _check_credential(access)
        return access

    @classmethod
    def in_cluster(cls, account: Path = SERVICE_ACCOUNT) -> "Access":
        """The access of the pod that this runs in. Raises AccessError elsewhere."""
        host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
        port = os.environ.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port:
            raise AccessError("This is no pod of a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set.")
        at = f"[{host}]" if ":" in host else host
        return cls(
            server=f"https://{at}:{port}",
            ca_pem=_read(account / "ca.crt"),
            token=_read(account / "token").strip(),
            namespace=_read(account / "namespace").strip(),
            account=str(account),
        )

    def to_json(self) -> str:
        """All of it, secrets included: encrypt it before it is stored."""
        if self.account:
            return json.dumps({"in_cluster": True})
        return json.dumps({name: getattr(self, name) for name in STORED}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Access":
        """The inverse of to_json. Raises AccessError."""
        data = json.loads(text)
        if data.get("in_cluster"):
            return cls.in_cluster()
        return cls(**{name: str(data.get(name, "")) for name in STORED})


STORED = ("server", "ca_pem", "token", "certificate_pem", "key_pem", "namespace", "tls_server_name")


class BearerToken:
    """The token to send. That of a pod's account is read again each minute, since the kubelet renews it."""

    def __init__(self, access: Access) -> None:
        self._token = access.token
        self._path = Path(access.account) / "token" if access.account else None
        self._read_at = time.monotonic()

    def token(self) -> str:
        if self._path and time.monotonic() - self._read_at > TOKEN_SECONDS:
            self._token, self._read_at = _read(self._path).strip(), time.monotonic()
        return self._token


def _check_credential(access: Access) -> None:
    pair = "`client-certificate-data` and `client-key-data`"
    if bool(access.certificate_pem) != bool(access.key_pem):
        raise AccessError(f"A client certificate needs its key: give {pair}.")
    if not access.token and not access.certificate_pem:
        raise AccessError(f"The kubeconfig has no credential: give `token`, or {pair}.")


def _token(user: Mapping[str, Any]) -> str:
    token = str(user.get("token") or "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise AccessError("The kubeconfig's `token` has characters that no token has.")
    return token


def _parse(text: str) -> Mapping[str, Any]:
    try:
        _refuse_bombs(text)
        config = yaml.safe_load(text)
    except AccessError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        # A text that ends too early is wrong after its last line, as one of the two parsers counts.
        where = f" (line {min(mark.line + 1, len(text.splitlines()))})" if mark else ""
        raise AccessError(f"The kubeconfig is not valid YAML{where}.") from None
    if not isinstance(config, dict) or not config.get("clusters"):
        raise AccessError("This is not a kubeconfig: it has no `clusters`.")
    return config


def _refuse_bombs(text: str) -> None:
    """Reading what refers to itself, or is nested without end, takes longer and deeper than any kubeconfig is worth."""
    if len(text) > LARGEST:
        raise AccessError(f"The kubeconfig is larger than {LARGEST // 1024} KiB.")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
            raise AccessError("The kubeconfig has aliases (*name) or is nested too deep, which is refused.")


def _entry(config: Mapping[str, Any], what: str, name: str) -> Mapping[str, Any]:
    entries = config.get(f"{what}s") or []
    if not isinstance(entries, list):
        raise AccessError(f"The kubeconfig's `{what}s` is not a list.")
    for entry in entries:
        found = entry.get(what) if isinstance(entry, dict) and entry.get("name") == name else None
        if isinstance(found, dict):
            return found
    if not name and what == "context":
        raise AccessError("The kubeconfig has no current-context: set it, or name a context.")
    raise AccessError(f"The kubeconfig has no {what} named {name!r}.")


def _refuse(entry: Mapping[str, Any], refused: Mapping[str, str], whose: str) -> None:
    for key, why in refused.items():
        if entry.get(key):
            raise AccessError(f"{whose} has `{key}`, which is refused: it {why}.")


def _server(server: str) -> str:
    parts = urlsplit(server)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise AccessError("The cluster's `server` is not an address such as https://cluster.example:6443.")
    if parts.username or parts.password:
        raise AccessError("The cluster's `server` has a password in it, which is refused: give `token`.")
    if set("?#\\") & set(server) or not server.isprintable() or " " in server:
        raise AccessError("The cluster's `server` has a query or characters that no address has, which is refused.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise AccessError(f"The cluster's `server` is http on {parts.hostname}, which is refused: use https.")
    return server.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pem(entry: Mapping[str, Any], key: str) -> str:
    data = entry.get(key)
    if not data:
        return ""
    try:
        text = base64.b64decode(str(data), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise AccessError(f"`{key}` is not base64 of PEM text.") from None
    if "-----BEGIN " not in text:
        raise AccessError(f"`{key}` has no PEM block in it.")
    return text


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise AccessError(f"{path} cannot be read: {error.strerror}.") from None
