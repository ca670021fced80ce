"""The adapter of requests: how a session connects, whom it trusts, and what it tries again."""

import os
import ssl
from functools import lru_cache
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from portal.outbound.connections import PinnedPools, PinnedProxies
from portal.outbound.reach import Reach

ONCE = Retry(0, read=False)
PASSING = (500, 502, 503, 504)


class Reads(Retry):
    """One more attempt of what only reads, within the call's time: for a connection that broke, or a passing fault."""

    def __init__(self, total: int = 1, **more: Any) -> None:
        tried = {"status_forcelist": PASSING, "allowed_methods": {"GET", "HEAD"}, "other": 0}
        # Nothing sleeps in a worker.
        at_once = {"respect_retry_after_header": False, "raise_on_status": False, "backoff_factor": 0}
        super().__init__(total, **{**tried, **at_once, **more})

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        *more: Any,
        **named: Any,
    ) -> "Reads":
        """What is left after this attempt; urllib3 would read the answer to its end, however long that is."""
        left = super().increment(method, url, response, *more, **named)
        if response is not None:
            response.close()
        return left


class Adapter(HTTPAdapter):
    """Connects as far as the reach goes, and trusts whom the system trusts and, beside those, `authorities` (PEM)."""

    def __init__(self, reach: Reach, retries: Retry, parallel: int, authorities: str = "") -> None:
        self._reach, self._authorities = reach, authorities
        super().__init__(pool_maxsize=parallel, max_retries=retries)

    def init_poolmanager(self, connections: int, maxsize: int, *_more: Any, **_named: Any) -> None:
        trusts = trusted(self._authorities)
        self.poolmanager = PinnedPools(self._reach, num_pools=connections, maxsize=maxsize, ssl_context=trusts)

    def proxy_manager_for(self, proxy: str, **_named: Any) -> ProxyManager:
        """Pools whose connections go to the proxy alone, as far as the reach goes; names are its to resolve."""
        if proxy not in self.proxy_manager:
            trusts, headers = trusted(self._authorities), self.proxy_headers(proxy)
            self.proxy_manager[proxy] = PinnedProxies(
                self._reach, proxy, proxy_headers=headers, ssl_context=trusts, proxy_ssl_context=trusts
            )
        found: ProxyManager = self.proxy_manager[proxy]
        return found

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """The host alone: what is trusted is the same for all."""
        place, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return place, {}

    def cert_verify(self, *_args: Any, **_named: Any) -> None:
        """Nothing: requests would put a list of authorities of its own in place of the system's."""


def trusted(authorities: str = "") -> ssl.SSLContext:
    """The system's authorities, those of SSL_CERT_FILE and SSL_CERT_DIR, and these (PEM). ssl.SSLError for no PEM."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), authorities)


def authorities_fault(pem: str) -> str:
    """What is wrong with certificates that are to be trusted; "" for nothing."""
    try:
        ssl.create_default_context().load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        return str(error)
    return ""


@lru_cache(maxsize=16)
def _context(_file: str | None, _folder: str | None, authorities: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context
