"""Every error as problem+json (RFC 9457): type, title, status, detail, and `errors` where there are several."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.core.exceptions import (
    BadRequest,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from environments.manifests.errors import BundleError, BundleErrors
from portal.problems import problem
from portal.strict_json import NotTaken, TooLong
from portal.unavailable import RETRY_AFTER_SECONDS, WORDS, is_unavailable
from releases.errors import Unacceptable
from releases.states import InvalidTransition

log = structlog.get_logger(__name__)
MOST_ERRORS = 20


def _bundle(error: BundleError) -> HttpResponse:
    found = error.errors if isinstance(error, BundleErrors) else (error,)
    errors = [{"file": one.path, "line": one.line, "field": one.field, "detail": one.message} for one in found]
    return problem(422, error.words, errors=errors)


def _validation(error: ValidationError) -> HttpResponse:
    errors = [{"field": _field(one["loc"]), "detail": one["msg"]} for one in error.errors[:MOST_ERRORS]]
    detail = "; ".join(f"{one['field']}: {one['detail']}" for one in errors)
    return problem(422, f"The request does not fit: {detail}.", errors=errors)


def _field(place: Sequence[int | str]) -> str:
    """The field's path, without where in the request it stands."""
    return ".".join(str(part)[:60] for part in place[1:])


def _http(error: HttpError) -> HttpResponse:
    """ninja wraps what its parser raises."""
    cause = error.__cause__
    if isinstance(cause, NotTaken):
        return problem(413 if isinstance(cause, TooLong) else 400, f"The body {cause}")
    return problem(error.status_code, str(error))


def _database(error: Exception) -> HttpResponse:
    if not is_unavailable(error):
        return _broken(error)
    log.warning("The database refused for now.", error=str(error))
    answer = problem(503, WORDS)
    answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _unreadable(_error: Exception) -> HttpResponse:
    return problem(400, "The request cannot be read: it is cut off, or not of the form that its headers say.")


def _too_big(_error: Exception) -> HttpResponse:
    return problem(413, "The request is longer than this address takes.")


def _broken(error: Exception) -> HttpResponse:
    log.error("The API could not answer.", exc_info=error)
    return problem(500, "Slipway could not answer. The error has been logged under the id in X-Request-ID.")


ANSWERS: dict[type[Exception], Callable[[Any], HttpResponse]] = {
    AuthenticationError: lambda _: problem(
        401, "No valid token. Send “Authorization: Bearer …” with a token that has not expired or been revoked."
    ),
    PermissionDenied: lambda error: problem(403, str(error) or "You may not do this."),
    Http404: lambda error: problem(404, str(error) or "There is nothing at this address."),
    ObjectDoesNotExist: lambda error: problem(404, str(error)),
    InvalidTransition: lambda error: problem(409, str(error)),
    Unacceptable: lambda error: problem(422, str(error)),
    BundleError: _bundle,
    ValidationError: _validation,
    HttpError: _http,
    RequestDataTooBig: _too_big,
    SuspiciousOperation: _unreadable,
    BadRequest: _unreadable,
    MultiPartParserError: _unreadable,
    UnreadablePostError: _unreadable,
    OperationalError: _database,
    InterfaceError: _database,
    Exception: _broken,
}


def register(api: NinjaAPI) -> None:
    """Lets the API answer each of these errors as a problem, the nearest kind first."""
    for kind, answer in ANSWERS.items():
        api.add_exception_handler(kind, _handler(answer))


def _handler(answer: Callable[[Any], HttpResponse]) -> Callable[[HttpRequest, Any], HttpResponse]:
    return lambda _request, error: answer(error)
