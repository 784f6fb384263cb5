"""HTTP of a connection: within its deadline, by its TLS settings, and ended from any thread."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hansa import Unavailable
from hansa_connect.sockets import SHORTEST, is_silent, shut_down
from requests import PreparedRequest, Request, Response
from requests.adapters import HTTPAdapter
from swiftclient.requests_compat import SwiftClientRequestsSession
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .faults import late

if TYPE_CHECKING:
    from .connection import SwiftConnection


_DOTS = frozenset((".", ".."))


class Sockets:
    """The open sockets of one connection: to the store, and to the identity service."""

    def __init__(self) -> None:
        self._found: list[socket.socket] = []

    def add(self, opened: socket.socket | None) -> None:
        """Note a socket that was just connected."""
        kept = [one for one in self._found if one.fileno() >= 0]
        self._found = [*kept, opened] if opened is not None else kept

    def shut_down(self) -> None:
        """Shut all of them down; what waits for one fails."""
        for one in self._found:
            if one.fileno() >= 0:
                shut_down(one.fileno())

    def are_silent(self) -> bool:
        """Return whether none of them was closed by the other side."""
        return all(one.fileno() < 0 or is_silent(one.fileno()) for one in self._found)


class Adapter(HTTPAdapter):
    """Connects with one TLS context, and notes the sockets."""

    def __init__(self, context: ssl.SSLContext, sockets: Sockets) -> None:
        self._context = context
        self._note = sockets.add
        super().__init__(pool_connections=2, pool_maxsize=1)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools, whose connections are noted."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._note)

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: object, cert: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return where a request goes, and that servers are verified by the context alone."""
        where = urlsplit(request.url or "")
        place = {"scheme": where.scheme, "host": where.hostname, "port": where.port}
        if where.scheme != "https":
            return place, {}
        return place, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Do nothing: the context has all that is needed."""


def _pools(note: Callable[[socket.socket | None], None]) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            note(self.sock)

    class Encrypted(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            note(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


class Session(SwiftClientRequestsSession):  # type: ignore[misc] # swiftclient has no types
    """Sends requests of one connection, none after its deadline.

    It follows no redirection, which would take the token elsewhere, and neither proxies nor logins
    come from the environment of the machine.
    """

    def __init__(self, connection: SwiftConnection, context: ssl.SSLContext) -> None:
        super().__init__()
        self._connection = connection
        self.sockets = Sockets()
        self.trust_env = False
        self.headers = None
        adapter = Adapter(context, self.sockets)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def prepare_request(self, request: Request) -> PreparedRequest:
        """Return a request for the very path that is asked for: requests would make `a/../b`, which is
        the name of an object, into `b`, and so leave the container.
        """
        prepared: PreparedRequest = super().prepare_request(request)
        path = urlsplit(str(request.url)).path
        if not _DOTS.isdisjoint(path.split("/")):
            prepared.url = urlsplit(str(prepared.url))._replace(path=path).geturl()
        return prepared

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Send a request within the time that is left; raises `TimedOut` if there is none."""
        connection = self._connection
        if connection.aborted:
            raise Unavailable(f"{connection.where} is not connected")
        left = connection.deadline - time.monotonic()
        if left <= 0:
            raise late(connection)
        connection.contacted = urlsplit(request.url or "").netloc
        config = connection.config
        longest = max(SHORTEST, left)
        options["timeout"] = (min(config.connect_timeout, longest), min(config.timeout, longest))
        options["allow_redirects"] = False
        answer: Response = super().send(request, **options)
        return answer
