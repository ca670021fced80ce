"""Every error as problem+json (RFC 9457): type, title, status, detail, and `errors` where there are several."""

import http
from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from environments.manifests.errors import BundleError, BundleErrors
from releases.errors import Unacceptable
from releases.states import InvalidTransition

log = structlog.get_logger(__name__)


def problem(status: int, detail: str, **more: Any) -> HttpResponse:
    """A problem document; its type is about:blank, so the title is the status's own."""
    body = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    answer = JsonResponse(body, status=status, content_type="application/problem+json")
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="slipway"'
    return answer


def _bundle(error: BundleError) -> HttpResponse:
    found = error.errors if isinstance(error, BundleErrors) else (error,)
    errors = [{"file": one.path, "line": one.line, "field": one.field, "detail": one.message} for one in found]
    return problem(422, error.words, errors=errors)


def _validation(error: ValidationError) -> HttpResponse:
    errors = [{"field": ".".join(map(str, one["loc"][1:])), "detail": one["msg"]} for one in error.errors]
    detail = "; ".join(f"{one['field']}: {one['detail']}" for one in errors)
    return problem(422, f"The request does not fit: {detail}.", errors=errors)


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
    HttpError: lambda error: problem(error.status_code, str(error)),
    Exception: _broken,
}


def register(api: NinjaAPI) -> None:
    """Lets the API answer each of these errors as a problem, the nearest kind first."""
    for kind, answer in ANSWERS.items():
        api.add_exception_handler(kind, _handler(answer))


def _handler(answer: Callable[[Any], HttpResponse]) -> Callable[[HttpRequest, Any], HttpResponse]:
    return lambda _request, error: answer(error)
