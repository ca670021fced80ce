"""What a fault does to one request."""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import errors
from sandbox.faults import InjectedFault
from sandbox.store import encode
from sandbox.watch import gone_line

_TRANSPORTS: dict[tuple[Any, ...], asyncio.Transport] = {}
_RESET = struct.pack("ii", 1, 0)
_LONGEST_HANG = 3_600.0


class Protocol(H11Protocol):
    """uvicorn's protocol, which also lets a fault reach the connection of a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._peer = tuple(transport.get_extra_info("peername")[:2])
        _TRANSPORTS[self._peer] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _TRANSPORTS.pop(self._peer, None)
        super().connection_lost(exc)


async def struck(fault: InjectedFault, request: Request, verb: str) -> Response | None:
    """The answer instead of the right one, None where the request goes on."""
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.seconds)
            return None
        case "hang":
            await asyncio.sleep(_LONGEST_HANG)
        case "reset" | "close" | "truncate":
            return _broken(fault, request)
        case "gone" if verb == "watch":
            return StreamingResponse(iter([gone_line()]), media_type="application/json")
    return None if fault.kind == "trickle" else _refused(fault)


def _broken(fault: InjectedFault, request: Request) -> Response:
    """Does it to the connection; what is returned goes nowhere."""
    transport = _TRANSPORTS.get(tuple(request.client or ()))
    if transport is not None:
        if fault.kind == "truncate":
            transport.write(
                b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n{"kind":'
            )
        if fault.kind == "reset":
            _linger(transport.get_extra_info("socket"))
            transport.abort()
        else:
            transport.close()
    return Response(b"")


def _linger(found: Any) -> None:
    with contextlib.suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def _refused(fault: InjectedFault) -> Response:
    if fault.kind == "throttle":
        headers = {"Retry-After": str(fault.retry_after), "X-Kubernetes-Pf-Flowschema-Uid": "sandbox"}
        return Response("Too many requests, please try again later.\n", 429, headers, media_type="text/plain")
    if fault.kind == "page":
        page = f"<html><head><title>{fault.status}</title></head><body><h1>{fault.status}</h1></body></html>"
        return Response(page, fault.status, media_type="text/html")
    error = _error(fault)
    return Response(encode(error.body), error.code, media_type="application/json")


def _error(fault: InjectedFault) -> errors.ApiError:
    if fault.kind == "expired":
        return errors.unauthorized()
    if fault.kind == "gone":
        return errors.ApiError(410, "Expired", "The provided resource version is too old.")
    reasons = {500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout", 429: "TooManyRequests"}
    return errors.ApiError(fault.status, reasons.get(fault.status, "InternalError"), fault.message)
