"""Prometheus' HTTP API over the sandbox's metrics, as far as queries need it; plain HTTP, no credentials."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.fault_injection import struck
from sandbox.faults import Faults
from sandbox.metrics import answers
from sandbox.metrics.history import History
from sandbox.metrics.promql.errors import QueryError
from sandbox.metrics.promql.evaluator import instant, ranged
from sandbox.metrics.promql.parser import parse
from sandbox.metrics.registry import CONTENT_TYPE, Metrics
from sandbox.metrics.times import moment, step_of

MOST_POINTS = 11_000
_STATUS = {"bad_data": 400, "execution": 422, "not_found": 404}
_TOO_MANY = (
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
)
Answer = Callable[[Mapping[str, str]], dict[str, Any]]


class PrometheusServer:
    """An ASGI application in `app`. `faults` strike every path but /metrics."""

    def __init__(self, metrics: Metrics, history: History, faults: Faults) -> None:
        self._metrics, self._history, self._faults = metrics, history, faults
        self.app = Starlette(
            routes=[
                Route("/metrics", self._exposition, methods=["GET"]),
                Route("/-/healthy", self._guarded(_healthy), methods=["GET"]),
                Route("/-/ready", self._guarded(_ready), methods=["GET"]),
                Route("/api/v1/query", self._guarded(_asked(self.query)), methods=["GET", "POST"]),
                Route("/api/v1/query_range", self._guarded(_asked(self.query_range)), methods=["GET", "POST"]),
                Route("/{path:path}", self._guarded(_unknown), methods=["GET", "POST"]),
            ]
        )

    def query(self, given: Mapping[str, str]) -> dict[str, Any]:
        """`query` at `time`, or now: the data of Prometheus' answer."""
        at = moment("time", given["time"]) if given.get("time") else _now()
        try:
            node = parse(given.get("query", ""))
        except QueryError as error:
            raise QueryError(f'invalid parameter "query": {error.words}') from None
        return answers.instant(instant(node, self._history, at), at)

    def query_range(self, given: Mapping[str, str]) -> dict[str, Any]:
        """`query` from `start` to `end` every `step`."""
        start, end = moment("start", given.get("start", "")), moment("end", given.get("end", ""))
        if end < start:
            raise QueryError('invalid parameter "end": end timestamp must not be before start time')
        step = step_of(given.get("step", ""))
        if (end - start) // step > MOST_POINTS:
            raise QueryError(_TOO_MANY)
        return answers.matrix(ranged(parse(given.get("query", "")), self._history, start, end, step))

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            verb = request.method.lower()
            fault = self._faults.strike(verb, request.url.path)
            broken = None if fault is None else await struck(fault, request, verb)
            return await handler(request) if broken is None else broken

        return guarded

    async def _exposition(self, request: Request) -> Response:
        del request
        return Response(await run_in_threadpool(self._metrics.render), headers={"Content-Type": CONTENT_TYPE})


def _asked(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def asked(request: Request) -> Response:
        given = {**request.query_params, **(await _form(request))}
        try:
            return JSONResponse({"status": "success", "data": await run_in_threadpool(answer, given)})
        except QueryError as error:
            return _error(error.kind, error.words)

    return asked


async def _form(request: Request) -> dict[str, str]:
    """The fields of a posted form; only URL encoding is read."""
    return dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))


def _error(kind: str, words: str) -> Response:
    return JSONResponse({"status": "error", "errorType": kind, "error": words}, _STATUS[kind])


async def _unknown(request: Request) -> Response:
    return _error("not_found", f"the sandbox's Prometheus has no {request.url.path}: query, query_range and /metrics")


async def _healthy(request: Request) -> Response:
    del request
    return PlainTextResponse("Prometheus Server is Healthy.\n")


async def _ready(request: Request) -> Response:
    del request
    return PlainTextResponse("Prometheus Server is Ready.\n")


def _now() -> int:
    return time.time_ns() // 1_000_000
