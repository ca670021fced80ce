"""What the clients of registries and of Prometheus need of HTTP. Who asks by them hands it in. Pure."""

from collections.abc import Mapping
from typing import Protocol


class CallRefused(Exception):
    """An address that is not called; the message says why and what to do."""


class CallFailed(Exception):
    """A call that got no whole answer.

    `host`: whom it went to. `why`: what went wrong, without the host. `lasts`: whether somebody has to act; otherwise
    another attempt may work. `too_long`: the answer has more bytes than were asked for.
    """

    def __init__(self, host: str, why: str, *, lasts: bool, too_long: bool) -> None:
        super().__init__(f"{host}: {why}.")
        self.host = host
        self.why = why
        self.lasts = lasts
        self.too_long = too_long


class HttpAnswer(Protocol):
    """What came back. `headers` have lower-case names; a redirect is an answer like any other."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def encoded(self) -> bool:
        """Whether the body is compressed, though nobody asked for that."""


class HttpSession(Protocol):
    """Calls within limits; may be used from several threads."""

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str], timeout: tuple[float, float], limit: int
    ) -> HttpAnswer:
        """Makes one call. `timeout`: seconds to connect, and in all; `limit`: bytes of the answer's body.

        Raises CallRefused for an address that may not be called, CallFailed for everything that went wrong.
        """
