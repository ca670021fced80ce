"""The sessions of portal.outbound, as the clients of registries and of Prometheus take them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from environments.http_session import CallFailed, CallRefused
from environments.registry.client import PARALLEL, RegistrySessions
from portal.outbound import OutboundAnswer, OutboundFailed, OutboundFault, OutboundRefused, Reach, Reads, Session


class OutboundSession:
    """An HttpSession within one reach: its errors are those that the clients know."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def call(
        self, method: str, url: str, *, headers: Mapping[str, str], timeout: tuple[float, float], limit: int
    ) -> OutboundAnswer:
        """As HttpSession.call."""
        try:
            return self._session.call(method, url, headers=headers, timeout=timeout, limit=limit)
        except OutboundRefused as error:
            raise CallRefused(str(error)) from None
        except OutboundFailed as error:
            too_long = error.fault is OutboundFault.LONG
            raise CallFailed(error.host, error.why, lasts=error.fault.lasts, too_long=too_long) from None


def prometheus_session() -> OutboundSession:
    """For a Prometheus, whose address is an operator's word. Only a connection that broke is tried once more."""
    return OutboundSession(Session(Reach.OPERATOR, retries=Reads(status_forcelist=())))


@contextmanager
def registry_sessions(proxy: str = "", authorities: str = "") -> Iterator[RegistrySessions]:
    """For registries: those that an operator set up may be inside, all others are outside.

    By a proxy, which an operator named, all goes to that one: whom it calls is held by the registry's trust alone.
    """
    with (
        _reads(Reach.OPERATOR, proxy, authorities) as operator,
        _reads(Reach.OPERATOR if proxy else Reach.OUTSIDE, proxy, authorities) as outside,
    ):
        yield RegistrySessions(OutboundSession(operator), OutboundSession(outside))


def _reads(reach: Reach, proxy: str, authorities: str) -> Session:
    return Session(reach, retries=Reads(), parallel=PARALLEL, proxy=proxy, authorities=authorities)
