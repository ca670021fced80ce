"""Around every request: its line in the log, whether it can be read at all, and how its answer may be kept."""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from portal import metrics
from portal.errors import bad_request
from portal.problems import CONTENT_TYPE, problem
from portal.unavailable import WORDS

log = structlog.get_logger("portal.requests")
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PROBES = {"healthz", "readyz", "metrics"}
FOR_PROGRAMS = ("/api/", "/webhooks/")
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
DETAILS = {
    400: "The request cannot be read: it is cut off, too long, not in UTF-8, or has text that cannot be stored.",
    404: "There is nothing at this address.",
    405: "This address does not take this method; the header Allow names those that it takes.",
    500: "Slipway could not answer. The error has been logged under the id in X-Request-ID.",
    503: WORDS,
}


class RequestLog:
    """First of the middleware, so that it sees what the others answer too: one line and one observation a request.

    Every line written meanwhile has the request's id.
    """

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
        # A link that sets a password has its secret in the path.
        path = f"/{route}" if "<token>" in route else request.path
        log.info("request", method=method, path=path, status=response.status_code, ms=milliseconds)


class Doors:
    """Second of the middleware: what programs and browsers get, whatever answered.

    Programs get every error as a problem document, and nothing of theirs may be kept on the way; neither may exports.
    Pages may be kept by the browser of who signed in, and are asked for again each time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        for_programs = request.path.startswith(FOR_PROGRAMS)
        if for_programs and answer.status_code >= 400:
            _make_problem(answer)
        if for_programs or answer.has_header("Content-Disposition"):
            answer["Cache-Control"] = "no-store"
        elif not answer.has_header("Cache-Control"):
            answer["Cache-Control"] = "private, no-cache"
        return answer


def _make_problem(answer: HttpResponse) -> None:
    """Gives an error that is none yet the body of a problem document; its other headers stay."""
    if answer["Content-Type"] == CONTENT_TYPE:
        return
    answer.content = problem(answer.status_code, DETAILS.get(answer.status_code, answer.reason_phrase)).content
    answer["Content-Type"], answer["Content-Length"] = CONTENT_TYPE, str(len(answer.content))


class Readable:
    """Before sessions: refuses what cannot be read as UTF-8, or has text that no database takes.

    Forms of pages are looked at before their view; programs' bodies are read by portal.strict_json.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in CHARSETS or any("\0" in text for text in _texts(request)):
            return bad_request(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        if request.method != "POST" or request.path.startswith(FOR_PROGRAMS):
            return None
        try:
            given = [text for name, values in request.POST.lists() for text in (name, *values)]
        except UnreadablePostError:
            return bad_request(request)
        return bad_request(request) if any("\0" in text for text in given) else None


def _texts(request: HttpRequest) -> Iterator[str]:
    yield request.path
    yield unquote(request.META.get("QUERY_STRING", ""))
    yield from request.COOKIES.values()
    yield from (value for name, value in request.META.items() if name.startswith("HTTP_"))
