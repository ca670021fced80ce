"""One line of the log and one observation a request, with an id that every line written meanwhile has too."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from portal import metrics

log = structlog.get_logger("portal.requests")
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PROBES = {"healthz", "readyz", "metrics"}


class RequestLog:
    """First of the middleware, so that it sees what the others answer too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if GIVEN.fullmatch(given) else uuid.uuid4().hex
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request=identifier):
            response = self.get_response(request)
            _note(request, response, time.monotonic() - began)
        response["X-Request-ID"] = identifier
        return response


def _note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    # The pattern, not the path: a label has few values.
    route = request.resolver_match.route if request.resolver_match else "(none)"
    method = request.method if request.method in METHODS else "OTHER"
    metrics.REQUESTS.labels(method, route, str(response.status_code)).observe(seconds)
    if route not in PROBES:
        milliseconds = round(seconds * 1000)
        log.info("request", method=method, path=request.path, status=response.status_code, ms=milliseconds)
