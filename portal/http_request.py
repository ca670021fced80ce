"""The portal's requests: nothing in their headers breaks them before the middleware has seen them."""

import re
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

LENGTH = re.compile(r"[0-9]{1,18}")


class PortalRequest(WSGIRequest):
    """Is UTF-8 whatever charset a header names: Django decodes parameters by it while the request is made.

    portal.middleware.Readable refuses another one.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        if not LENGTH.fullmatch(environ.get("CONTENT_LENGTH") or ""):
            environ["CONTENT_LENGTH"] = ""
        super().__init__(environ)

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Handler(WSGIHandler):
    """Django's handler, with these requests."""

    request_class = PortalRequest
