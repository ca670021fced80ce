"""urllib3's pools and connections, which reach no further than their session and are cut by its watch.

Only the connecting differs: names stay names, so that SNI, the certificate's check and the Host header are as ever.
"""

import socket
from typing import Any, ClassVar

from urllib3 import PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from portal.outbound.reach import Reach, connect
from portal.outbound.watch import current


class _Pinned(HTTPConnection):
    """A connection to an address that was checked as it was connected to."""

    scheme: ClassVar[str]

    def __init__(self, *args: Any, reach: Reach, **named: Any) -> None:
        super().__init__(*args, **named)
        self._reach = reach

    def _new_conn(self) -> socket.socket:
        try:
            return connect(self._reach, self.scheme, self.host, self.port, float(self.timeout or 0))
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error


class _PinnedHTTP(_Pinned):
    scheme = "http"


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    scheme = "https"


class _Watched(HTTPConnectionPool):
    """A pool whose kept connections are cut by the call that uses them next."""

    def _make_request(self, conn: Any, *args: Any, **named: Any) -> BaseHTTPResponse:
        if conn.sock is not None:
            current().hold(conn.sock)
        return super()._make_request(conn, *args, **named)


class _HTTPPool(_Watched):
    ConnectionCls = _PinnedHTTP


class _HTTPSPool(_Watched, HTTPSConnectionPool):
    ConnectionCls = _PinnedHTTPS


class _PinnedManager(PoolManager):
    """Pools that are all within one reach."""

    def __init__(self, reach: Reach, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._reach = reach
        self.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def _new_pool(self, *args: Any, **named: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(*args, **named)
        pool.conn_kw["reach"] = self._reach
        return pool


class PinnedPools(_PinnedManager):
    """A pool for each host."""


class PinnedProxies(_PinnedManager, ProxyManager):
    """The same by a proxy: what is connected to is the proxy."""
