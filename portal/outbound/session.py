"""Sessions of requests: the one way out. Each call has limits on time and size, and follows no redirect."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from common.bounded_read import bounded_read
from portal.outbound import faults, urls
from portal.outbound.adapter import ONCE, Adapter
from portal.outbound.faults import AnswerTooLong, OutboundRefused
from portal.outbound.reach import Reach
from portal.outbound.watch import GRACE, CallWatch

OWN_HEADERS = {"User-Agent": "slipway", "Accept-Encoding": "identity", "Accept": "*/*"}
# What http.client and this module say themselves, whatever a caller gives.
FIXED = frozenset({"host", "user-agent", "accept-encoding"})


@dataclass(frozen=True)
class OutboundAnswer:
    """What came back, as it was sent. `headers` have lower-case names; a redirect is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed, though identity was asked for. It is never unpacked here."""
        return self.headers.get("content-encoding", "identity").lower() not in {"", "identity"}


class Session(requests.Session):
    """Calls within one reach; connections are kept for the next one. May be used from several threads.

    `proxy`: the address of a proxy that all calls go by, which then resolves names and connects: who gives one has to
    say itself which hosts may be called. `authorities`: PEM of those that are trusted beside the system's.
    """

    def __init__(
        self, reach: Reach, *, retries: Retry = ONCE, parallel: int = 8, proxy: str = "", authorities: str = ""
    ) -> None:
        super().__init__()
        self._by = {"http": proxy, "https": proxy} if proxy else {}
        self.trust_env = False
        self.headers = requests.structures.CaseInsensitiveDict(OWN_HEADERS)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        for scheme in urls.PORTS:
            self.mount(f"{scheme}://", Adapter(reach, retries, parallel, authorities))

    def get_redirect_target(self, _response: requests.Response) -> None:
        """None: requests would read the answer whole, and get the next request ready."""

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: tuple[float, float] = (1.0, 3.0),
        limit: int = 64 * 1024,
    ) -> OutboundAnswer:
        """Makes one call. `timeout`: seconds to connect, and in all; `limit`: bytes of the answer's body.

        Raises OutboundRefused for an address that may not be called, OutboundFailed for everything that went wrong.
        """
        host = _host(url)
        with CallWatch(timeout[1]) as watch:
            try:
                answer = self._exchange(method, url, _allowed(headers), body, timeout, limit)
            except (RequestException, HTTPError, HTTPException, OSError, ValueError, AnswerTooLong) as error:
                # The error itself names the whole address, and with it what its query holds.
                raise faults.failed(host, error, seconds=timeout[1], limit=limit, late=watch.late) from None
            # A cut connection can look like an answer that ended.
            if watch.late:
                raise faults.failed(host, TimeoutError(), seconds=timeout[1], limit=limit, late=True)
        return answer

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: tuple[float, float], limit: int
    ) -> OutboundAnswer:
        request = self.prepare_request(requests.Request(method, url, headers=headers, data=body or None))
        limits = (timeout[0], timeout[1] + GRACE)
        response = self.send(request, stream=True, allow_redirects=False, timeout=limits, proxies=self._by)
        try:
            names = {name.lower(): value for name, value in response.headers.items()}
            return OutboundAnswer(response.status_code, names, _read(response.raw, limit))
        finally:
            response.close()


def call(method: str, url: str, **options: Any) -> OutboundAnswer:
    """One call to an address that people outside gave: as Session.call."""
    with Session(Reach.OUTSIDE) as session:
        return session.call(method, url, **options)


def _host(url: str) -> str:
    try:
        return urls.read(url).host
    except urls.BadUrl as error:
        raise OutboundRefused(str(error)) from None


def _allowed(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (headers or {}).items() if name.lower() not in FIXED}


def _read(raw: Any, limit: int) -> bytes:
    content = bounded_read(partial(raw.read, decode_content=False), limit + 1)
    if len(content) > limit:
        raise AnswerTooLong
    return content
