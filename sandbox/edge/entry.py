"""The edge's door: HTTP requests from outside, whose Host header chooses the way."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sandbox.edge.edge import Edge
from sandbox.edge.model import EdgeRequest

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class EdgeServer:
    """An ASGI application. It waits as long as the pod takes, and measures then."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        answer = self._edge.answer(request_of(scope), "entry")
        await asyncio.sleep(answer.seconds)
        self._edge.count(answer)
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.reply.headers.items()]
        body = answer.reply.body if isinstance(answer.reply.body, bytes) else b"".join(answer.reply.body)
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def request_of(scope: _Message) -> EdgeRequest:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    host, _, port = headers.get("host", "").rpartition(":")
    named = host if host and port.isdigit() else headers.get("host", "")
    return EdgeRequest(named, scope["path"], scope["method"], headers, scope["query_string"].decode("latin-1"))
