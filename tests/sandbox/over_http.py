"""Requests to a sandbox over its own HTTPS."""

import json
import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple

import urllib3

from sandbox import Sandbox


class Answer(NamedTuple):
    status: int
    headers: Any
    body: Any


class Caller:
    """One client; `token` None sends none."""

    def __init__(self, sandbox: Sandbox, token: str | None = "") -> None:
        context = ssl.create_default_context(cadata=sandbox.certificates.authority)
        self.pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=5)
        self.url = sandbox.url
        self.token = sandbox.token if token == "" else token

    def __call__(
        self, method: str, path: str, body: Any = None, *, form: str = "application/json", **headers: str
    ) -> Answer:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        response = self.pool.request(method, self.url + path, body=content, headers=self._headers(form, headers))
        try:
            return Answer(response.status, response.headers, json.loads(response.data))
        except ValueError:
            return Answer(response.status, response.headers, response.data.decode())

    def watch(self, path: str) -> Iterator[dict]:
        """Events until the watch ends."""
        response = self.pool.request("GET", self.url + path, headers=self._headers("", {}), preload_content=False)
        waiting = b""
        for part in response.stream():
            *lines, waiting = (waiting + part).split(b"\n")
            yield from map(json.loads, lines)

    def _headers(self, form: str, others: dict[str, str]) -> dict[str, str]:
        said = {"Content-Type": form, "User-Agent": "tests/1", **others}
        return said if self.token is None else {**said, "Authorization": f"Bearer {self.token}"}
