"""A sandbox that counts the requests it gets: python -m benchmarks.counted_sandbox KUBECONFIG, and GET /sandbox/counts.

Counts are by user agent, method and what was asked for: {"slipway GET pods": 12}.
"""

import json
import re
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import sandbox.sandbox as whole
from sandbox import Sandbox
from sandbox.server import ApiServer

NODES = [f"name=node-{number},pool=app,cpu=64,memory=256Gi,pods=400" for number in range(4)]
COUNTS = "/sandbox/counts"
NAMED = re.compile(r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/([a-z]+)(?:/[^/]+)?(?:/([a-z]+))?$")


class CountedServer(ApiServer):
    """The sandbox's server behind a counter."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.counts: Counter[str] = Counter()
        served = self.app

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            if scope.get("path") == COUNTS:
                await _say(send, json.dumps(self.counts).encode())
                return
            if scope["type"] == "http":
                self.counts[_kind(scope)] += 1
            await served(scope, receive, send)

        self.app = counted  # type: ignore[assignment]


def _kind(scope: Any) -> str:
    agent = dict(scope["headers"]).get(b"user-agent", b"").decode().split("/")[0]
    found = NAMED.search(scope["path"])
    what = "/".join(filter(None, found.groups())) if found else scope["path"]
    query = scope["query_string"].decode()
    marks = [mark for mark in ("watch", "dryRun") if f"{mark}=" in query]
    return " ".join([agent, scope["method"], what, *marks])


async def _say(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Runs until it is told to stop; the first line says where it is."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    whole.ApiServer = CountedServer  # type: ignore[misc]
    with Sandbox(nodes=NODES) as sandbox:
        Path(sys.argv[1]).write_text(sandbox.kubeconfig)
        for tag in sys.argv[2:]:
            sandbox.images.push("many/web", tag, behaviour={"ready": False})
        print(json.dumps({"server": sandbox.url, "registry": sandbox.registry}), flush=True)
        stopping.wait()


if __name__ == "__main__":
    main()
