"""One call to an API server: its time limits, what is tried again, and the breaker.

Built on the Kubernetes client's ApiClient, whose own retries, redirects, proxies and files are switched off.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from common.bounded_read import CHUNK, bounded_read
from environments.kube.api.access import Access, BearerToken
from environments.kube.api.breaker import Breaker
from environments.kube.api.classify import classify, classify_exception
from environments.kube.api.errors import (
    BreakerOpen,
    KubeError,
    NotKubernetes,
    ServerError,
    Throttled,
    Unreachable,
    UntrustedCertificate,
)
from environments.kube.api.paths import Path
from environments.kube.api.tls import USER_AGENT, api_client, request

Query = Sequence[tuple[str, str]]
FIRST_PAUSE = 0.1
READS = ("GET", "HEAD")
OPENING = 10.0  # seconds until a watch has answered; then the silence that its reader allows
FAULTS = (HTTPError, HTTPException, OSError, KubeError)


class CallLimits(NamedTuple):
    """Seconds: `connect` to connect, `read` from one packet to the next, `total` for all attempts."""

    connect: float
    read: float
    total: float


class ApiCall(NamedTuple):
    """What to ask. `repeat`: doing it twice does no harm. `own`: a status of 500 and more is the API server's
    word, not that of a service behind its proxy. At most `at_most` bytes of the answer are read, 0 is all.
    """

    method: str
    path: Path
    query: Query = ()
    body: Any = None
    content_type: str = "application/json"
    repeat: bool = False
    own: bool = True
    at_most: int = 0
    limits: CallLimits | None = None
    accept: str = "application/json"


class ApiAnswer(NamedTuple):
    """What the server said. `headers` ignores case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object in the body. Raises NotKubernetes where there is none."""
        try:
            data = json.loads(self.body)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            words = f"The address answers (status {self.status}), but not with JSON: it is no API server's."
            raise NotKubernetes(words, status=self.status)
        return data

    def error(self) -> KubeError | None:
        """What the status says went wrong, None for success."""
        return classify(self.status, self.headers, self.body) if self.status >= 300 else None


class CallOutcome(NamedTuple):
    """The answer, None where there was none, and what is wrong with it."""

    answer: ApiAnswer | None
    error: KubeError | None


class Transport:
    """Calls to one API server. Thread safe."""

    def __init__(self, access: Access, breaker: Breaker, limits: CallLimits, attempts: int) -> None:
        self.breaker = breaker
        self.limits = limits
        self.attempts = attempts
        self._server = access.server
        self._bearer = BearerToken(access)
        self._client = api_client(access)

    def call(self, call: ApiCall) -> ApiAnswer:
        """The answer, whatever its status; KubeError where there is none.

        Transient faults are tried again: all of them if the call may be repeated, else only those of which it
        is sure that nothing was done.
        """
        answer, error = self._ask(call)
        if answer is None:
            raise error or Unreachable("The cluster was not called.")
        return answer

    def checked(self, call: ApiCall) -> ApiAnswer:
        """The answer of a call that succeeded; KubeError for any other. Tried again as call() is."""
        answer, error = self._ask(call)
        if answer is None or error:
            raise error or Unreachable("The cluster was not called.")
        return answer

    def close(self) -> None:
        """Closes the connections that are idle."""
        self._client.rest_client.pool_manager.clear()

    def lines(self, path: Path, query: Query, read_timeout: float) -> "WatchLines":
        """The lines of a watch, as they come. Raises KubeError where it is refused."""
        opening = self.limits._replace(read=min(read_timeout, OPENING))
        call = ApiCall("GET", path, query, limits=opening)
        self._ask_breaker()
        try:
            response = self._request(call)
            deadline = time.monotonic() + self.limits.total
            refused = _drain(response, deadline, 0) if response.status >= 300 else b""
        except FAULTS as raised:
            raise self._told(classify_exception(raised), call) or raised from None
        answer = ApiAnswer(response.status, response.headers, refused)
        if error := self._told(answer.error(), call):
            raise error
        _allow_silence(response, read_timeout)
        return WatchLines(response)

    def _ask(self, call: ApiCall) -> CallOutcome:
        deadline = time.monotonic() + (call.limits or self.limits).total
        for attempt in range(1, self.attempts + 1):
            outcome = self._once(call, deadline)
            error = outcome.error
            pause = max(error.retry_after or 0, FIRST_PAUSE * attempt) if error else 0
            late = time.monotonic() + pause > deadline
            if error is None or attempt == self.attempts or late or not _may_repeat(call, error):
                break
            time.sleep(pause)
        return outcome

    def _once(self, call: ApiCall, deadline: float) -> CallOutcome:
        self._ask_breaker()
        try:
            response = self._request(call)
            answer = ApiAnswer(response.status, response.headers, _drain(response, deadline, call.at_most))
        except FAULTS as raised:
            return CallOutcome(None, self._told(classify_exception(raised), call))
        return CallOutcome(answer, self._told(answer.error() if call.own else None, call))

    def _ask_breaker(self) -> None:
        if not self.breaker.allow():
            words = "Too many of the last calls to the cluster failed: the next is tried in a moment."
            raise BreakerOpen(words, retry_after=self.breaker.cool_down)

    def _told(self, error: KubeError | None, call: ApiCall) -> KubeError | None:
        if error and call.method in READS:
            error.ambiguous = False
        if error and error.counts:
            self.breaker.failure()
        else:
            self.breaker.success()
        return error

    def _request(self, call: ApiCall) -> BaseHTTPResponse:
        headers = {"Accept": call.accept, "User-Agent": USER_AGENT}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        if token := self._bearer.token():
            headers["Authorization"] = f"Bearer {token}"
        query = f"?{urlencode(call.query)}" if call.query else ""
        url = f"{self._server}{call.path}{query}"
        limits = call.limits or self.limits
        timeout = (limits.connect, limits.read)
        return request(self._client, call.method, url, headers, call.body, timeout)


class WatchLines:
    """The lines of an open watch, without their ends. Any thread may close() it, which ends the iteration."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._lines = self._read()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._reading:
            return next(self._lines)

    def close(self) -> None:
        self._closed.set()
        with suppress(RuntimeError, ValueError, OSError):  # the watch has ended by itself
            self._response.shutdown()
        # Where another thread is reading, that is over now, and the connection is closed there.
        if self._reading.acquire(blocking=False):
            self._response.close()
            self._reading.release()

    def _read(self) -> Iterator[bytes]:
        rest = b""
        try:
            while chunk := self._response.read1(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
        except FAULTS as raised:
            if not self._closed.is_set():
                raise classify_exception(raised) from None
        finally:
            self._response.close()


def _may_repeat(call: ApiCall, error: KubeError) -> bool:
    if isinstance(error, BreakerOpen | UntrustedCertificate) or error.causes:
        return False
    transient = isinstance(error, Unreachable | ServerError | Throttled)
    return transient and (call.repeat or not error.ambiguous)


def _allow_silence(response: BaseHTTPResponse, seconds: float) -> None:
    if sock := getattr(response.connection, "sock", None):
        sock.settimeout(seconds)


def _drain(response: BaseHTTPResponse, deadline: float, at_most: int) -> bytes:
    try:
        content = bounded_read(response.read1, at_most or sys.maxsize, deadline)
    except TimeoutError:
        response.close()
        raise Unreachable("The cluster's answer takes too long to arrive.", ambiguous=True) from None
    if at_most and len(content) == at_most:
        # There may be more of it, which nobody is to read.
        response.close()
    return content
