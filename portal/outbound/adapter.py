"""The adapter of requests: how a session connects, whom it trusts, and what it tries again."""

import os
import ssl
from functools import lru_cache
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from portal.outbound.connections import PinnedPools
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
    """Connects as far as the reach goes, trusts whom the system trusts, and knows no proxy."""

    def __init__(self, reach: Reach, retries: Retry, parallel: int) -> None:
        self._reach = reach
        super().__init__(pool_maxsize=parallel, max_retries=retries)

    def init_poolmanager(self, connections: int, maxsize: int, *_more: Any, **_named: Any) -> None:
        self.poolmanager = PinnedPools(self._reach, num_pools=connections, maxsize=maxsize, ssl_context=trusted())

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """The host alone: what is trusted is the same for all."""
        place, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return place, {}

    def cert_verify(self, *_args: Any, **_named: Any) -> None:
        """Nothing: requests would put a list of authorities of its own in place of the system's."""


def trusted() -> ssl.SSLContext:
    """The system's authorities, and those of SSL_CERT_FILE and SSL_CERT_DIR."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _context(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    return ssl.create_default_context()
