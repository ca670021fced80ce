"""Every call out goes through portal.outbound, and to a Kubernetes API through environments.kube."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.syntax import tree_of

ROOT = Path(__file__).resolve().parent.parent
APPS = ["portal", "environments", "backups", "releases", "common", "kube_schema"]
DOORS = ("portal/outbound/", "environments/kube/")
# They listen: the portal's own server, and the simulator of a cluster, in a process of its own.
SERVERS = ("portal/serving.py", "sandbox/")
# Modules that open connections, or hand somebody a way to.
CALLING = {
    "urllib.request", "urllib3", "http.client", "requests", "httpx", "aiohttp", "pycurl", "socket", "ssl", "smtplib",
    "ftplib", "poplib", "imaplib", "telnetlib", "xmlrpc.client", "asyncio", "kubernetes", "django.core.mail",
}  # fmt: skip
HARMLESS = {"socket.gethostname"}
# Names that call by themselves, wherever they come from.
CALLERS = {"PyJWKClient", "urlopen", "urlretrieve", "create_connection", "open_connection", "getaddrinfo"}


def sources(app: str) -> list[tuple[str, ast.Module]]:
    files = sorted((ROOT / app).rglob("*.py"))
    named = [(str(path.relative_to(ROOT)), path) for path in files if "migrations" not in path.parts]
    return [(name, tree_of(path)) for name, path in named if not name.startswith(DOORS + SERVERS)]


def ways_out(tree: ast.Module) -> list[tuple[int, str]]:
    """(line, name) of everything in a file that could make a call by itself."""
    aliases = {}
    found = []
    for node in ast.walk(tree):
        for full, name in imported(node):
            aliases[name] = full
            # That socket is imported says nothing yet: what is used of it does.
            if full != "socket" and calls(full):
                found.append((node.lineno, full))
    uses = ((node.lineno, full) for node in ast.walk(tree) for full in used(node, aliases))
    return found + [(line, full) for line, full in uses if calls(full)]


def imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(what, the name that it has in the file)."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, alias.asname or alias.name
            yield alias.name.partition(".")[0], alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield f"{node.module}.{alias.name}", alias.asname or alias.name


def used(node: ast.AST, aliases: dict[str, str]) -> Iterator[str]:
    """What an attribute names, and the module that import_module is given."""
    if isinstance(node, ast.Attribute):
        yield dotted(node, aliases)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("__import__", "import_module")):
        yield from (str(given.value) for given in node.args[:1] if isinstance(given, ast.Constant))


def calls(full: str) -> bool:
    within = any(full == name or full.startswith(f"{name}.") for name in CALLING)
    return full not in HARMLESS and (within or full.rpartition(".")[2] in CALLERS)


def dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, aliases)}.{node.attr}"
    return aliases.get(node.id, "") if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("app", [app for app in APPS if (ROOT / app).exists()])
def test_nothing_calls_out_but_the_one_way(app: str) -> None:
    found = [f"{name}:{line} has {way}" for name, tree in sources(app) for line, way in ways_out(tree)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "import requests",
        "import requests as r",
        "from requests import get",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import urllib3",
        "from urllib3.util import Retry",
        "import http.client",
        "from http import client",
        "from http.client import HTTPConnection",
        "import socket\nsocket.create_connection(('h', 1))",
        "import socket as s\ns.socket()",
        "from socket import create_connection",
        "import asyncio\nasyncio.open_connection('h', 1)",
        "from jwt import PyJWKClient",
        "import jwt\njwt.PyJWKClient('https://x')",
        "def f():\n    import httpx",
        "__import__('requests')",
        "from importlib import import_module\nimport_module('urllib3')",
        "import smtplib",
        "from kubernetes import client",
    ],
)
def test_a_way_out_is_seen(text: str) -> None:
    assert list(ways_out(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "import socket\nsocket.gethostname()",
        "from socket import gethostname",
        "from urllib.parse import urlsplit",
        "from portal import outbound\noutbound.call('GET', 'https://x')",
        "from http import HTTPStatus",
        "requests = {'a': 1}\nrequests.items()",
    ],
)
def test_what_calls_nobody_is_not(text: str) -> None:
    assert not list(ways_out(ast.parse(text)))
