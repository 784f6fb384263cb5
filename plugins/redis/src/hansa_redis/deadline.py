"""Connections to Redis on which whatever a call does, from waiting for a connection to the last byte
of the answer, ends in time.

The time-outs of redis-py count anew for each of these steps and for each piece of an answer, so a
call could take many times what was set. Here every wait takes only what is left of the deadline of
its thread.
"""

from __future__ import annotations

import socket
from typing import Any

from hansa import TimedOut, look_up_host, time_left
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection


def remaining(most: float | None = None) -> float | None:
    """Return the seconds until the deadline, at most `most`; None without either. Raises
    `TimeoutError` once it has passed.
    """
    left = time_left(most)
    if left is not None and left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class DeadlineSocket:
    """A connected socket, plain or TLS, whose operations take no longer than what is left of the
    deadline.
    """

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._most = inner.gettimeout()

    def settimeout(self, seconds: float | None) -> None:
        """Set the longest that one operation may take, also without a deadline; 0 does not wait at
        all.
        """
        self._most = seconds

    def _limit(self) -> None:
        self._inner.settimeout(0 if self._most == 0 else remaining(self._most))

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read what there is, at most `size` bytes; `flags` are those of recv(2)."""
        self._limit()
        return self._inner.recv(size, flags)

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0) -> int:
        """Read what there is into a buffer."""
        self._limit()
        return self._inner.recv_into(buffer, size)

    def sendall(self, data: bytes) -> None:
        """Write all of it."""
        self._limit()
        self._inner.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class TcpConnection(Connection):
    """A connection over TCP, made and used within the deadline."""

    def _connect(self) -> DeadlineSocket:
        failure: Exception = OSError(f"{self.host} has no address")
        try:
            found = look_up_host(
                self.host,
                self.port,
                family=self.socket_type,
                timeout=self.socket_connect_timeout,
            )
        except TimedOut as error:
            raise TimeoutError(error.detail) from error
        for family, kind, protocol, _, address in found:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in self.socket_keepalive_options.items():
                    connection.setsockopt(socket.IPPROTO_TCP, option, value)
                connection.settimeout(remaining(self.socket_connect_timeout))
                connection.connect(address)
                return self._secured(connection)
            except OSError as error:
                failure = error
                connection.close()
            except BaseException:
                connection.close()
                raise
        raise failure

    def _secured(self, connection: socket.socket) -> DeadlineSocket:
        connection.settimeout(self.socket_timeout)
        return DeadlineSocket(connection)


class TlsConnection(TcpConnection, SSLConnection):
    """A connection over TLS; the handshake counts too."""

    def _secured(self, connection: socket.socket) -> DeadlineSocket:
        secured = self._wrap_socket_with_ssl(connection)  # type: ignore[no-untyped-call]
        secured.settimeout(self.socket_timeout)
        return DeadlineSocket(secured)


class UnixConnection(UnixDomainSocketConnection):
    """A connection over a Unix socket."""

    port = 0  # redis-py names it when connecting takes too long, and fails where there is none

    def _connect(self) -> DeadlineSocket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(remaining(self.socket_connect_timeout))
            connection.connect(self.path)
        except BaseException:
            connection.close()
            raise
        connection.settimeout(self.socket_timeout)
        return DeadlineSocket(connection)
