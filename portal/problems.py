"""Errors for programs: problem documents (RFC 9457) with type, title, status and detail."""

import http
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.text import Truncator

CONTENT_TYPE = "application/problem+json"
MOST_DETAIL = 2000


def problem(status: int, detail: str, **more: Any) -> HttpResponse:
    """A problem document; its type is about:blank, so the title is the status's own."""
    said = Truncator(detail).chars(MOST_DETAIL)
    body = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "detail": said, **more}
    answer = JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="slipway"'
    return answer
