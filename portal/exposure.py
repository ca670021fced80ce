"""What is open to this machine alone: metrics without a token, and all of it under the development key."""

import ipaddress
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
ADVICE = "Set SLIPWAY_SECRET_KEY to a long random value, and leave SLIPWAY_DEBUG off; see docs/how-to/operate.md."


def is_loopback(host: str) -> bool:
    """Whether a name or address leads to this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_settings(*, unsafe: str, hosts: Iterable[str], behind_proxy: bool) -> None:
    """ImproperlyConfigured where others would reach a portal that is safe for one machine only.

    `unsafe`: what makes it so, in words; "" for nothing.
    """
    if not unsafe:
        return
    if behind_proxy:
        raise ImproperlyConfigured(f"SLIPWAY_BEHIND_PROXY is on, but {unsafe}. {ADVICE}")
    if foreign := [host for host in hosts if not is_loopback(host)]:
        raise ImproperlyConfigured(f"The portal is to be reached as {foreign[0]}, but {unsafe}. {ADVICE}")


def check_bind(host: str) -> None:
    """ImproperlyConfigured where a server would listen to others with what is safe for one machine only."""
    check_settings(unsafe=settings.UNSAFE, hosts=[host], behind_proxy=False)


def is_local(request: HttpRequest) -> bool:
    """Whether somebody on this machine asks, and no proxy for somebody else."""
    if settings.BEHIND_PROXY or settings.SECURE:
        return False
    return is_loopback(request.META.get("REMOTE_ADDR", "")) and not any(name in request.META for name in FORWARDED)


class LocalOnly:
    """Middleware: answers nobody else under the development key, whatever server it runs in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.UNSAFE and not is_local(request):
            words = f"This portal answers on its own machine alone, since {settings.UNSAFE}. {ADVICE}\n"
            return HttpResponse(words, status=403, content_type="text/plain; charset=utf-8")
        return self.get_response(request)
