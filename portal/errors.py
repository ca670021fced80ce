"""What is answered where no view has: pages of their own for people, which portal.middleware.Doors tells programs.

They show without the database and without a session: either may be what is broken.
"""

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from portal.unavailable import RETRY_AFTER_SECONDS, is_unavailable


def bad_request(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - its name is Django's
    """400: the request itself cannot be read."""
    return HttpResponse(render_to_string("400.html"), status=400)


def server_error(_request: HttpRequest) -> HttpResponse:
    """503 where the database refused for now, 500 for everything else."""
    if not is_unavailable(sys.exc_info()[1]):
        return HttpResponse(render_to_string("500.html"), status=500)
    answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
