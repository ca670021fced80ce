"""The frame of the portal's own pages: signed in, and answered with an ETag so that live pages cost next to nothing."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

# A new one stands in every answer, though nothing that a person sees has changed.
CSRF_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')


def render_live(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """The page, or 304 where the browser has it already as it would look now."""
    content = render_to_string(template, dict(context), request).encode()
    tag = f'"{hashlib.sha256(CSRF_TOKEN.sub(b"", content)).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(content)
    answer["ETag"] = tag
    answer["Cache-Control"] = "private, no-cache"
    patch_vary_headers(answer, ["Cookie"])
    return answer
