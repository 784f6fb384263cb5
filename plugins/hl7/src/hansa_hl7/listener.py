"""Takes connections at a port, and serves each in a thread of its own, until it is stopped."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from hansa import Unavailable
from hansa_connect.sockets import shut_down

log = logging.getLogger("hansa.channel.mllp")

BACKLOG = 64
KEEPALIVE = 60
"""Seconds of silence after which the kernel asks whether the other side is still there."""

Serve: TypeAlias = Callable[[socket.socket, str], None]
"""Serves one connection, of an address, until it ends."""


class Listener:
    """Listens at an address; at most `most` connections at a time."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        serve: Serve,
        *,
        most: int,
        timeout: float,
        context: ssl.SSLContext | None,
    ) -> None:
        self._name = name
        self._address = address
        self._serve = serve
        self._most = most
        self._timeout = timeout
        self._context = context
        self._guard = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.stopping = False

    @property
    def connections(self) -> int:
        """How many are open."""
        with self._guard:
            return len(self._open)

    def start(self) -> None:
        """Take the port and begin to listen; raises `Unavailable`."""
        host, port = self._address
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server(self._address, family=family, backlog=BACKLOG)
        except OSError as error:
            fault = f"cannot listen at {host}:{port}: {error.strerror or error}"
            raise Unavailable(f"{fault}; check the settings host and port") from error
        thread = threading.Thread(target=self._accept, name=f"mllp {self._name}", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self, grace: float) -> None:
        """Take nothing new, let messages in hand come to their end, and close everything."""
        self.stopping = True
        if self._socket is not None:
            shut_down(self._socket.fileno())
        if self._thread is not None:
            self._thread.join(grace)
        if self._socket is not None:
            self._socket.close()
        with self._guard:
            threads = list(self._open)
            for connection in self._open.values():
                _end_reading(connection)
        ends = time.monotonic() + grace
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def _accept(self) -> None:
        assert self._socket is not None
        while not self.stopping:
            try:
                connection, peer = self._socket.accept()
            except OSError as error:
                if self.stopping:
                    return
                log.warning("%s: a connection could not be accepted: %s", self._name, error)
                time.sleep(0.1)
                continue
            self._begin(connection, str(peer[0]))

    def _begin(self, connection: socket.socket, peer: str) -> None:
        with self._guard:
            full = len(self._open) >= self._most
            if not full and not self.stopping and self._begun(connection, peer):
                return
        if full:
            log.warning(
                "%s: a connection of %s is closed: max_connections is %d",
                self._name,
                peer,
                self._most,
            )
        connection.close()

    def _begun(self, connection: socket.socket, peer: str) -> bool:
        """Start the thread of a connection, and return whether the system has one."""
        thread = threading.Thread(
            target=self._run,
            args=(connection, peer),
            name=f"mllp {self._name} {peer}",
            daemon=True,
        )
        self._open[thread] = connection
        try:
            thread.start()
        except RuntimeError as error:
            del self._open[thread]
            log.error("%s: a connection of %s is closed: %s", self._name, peer, error)
            return False
        return True

    def _run(self, connection: socket.socket, peer: str) -> None:
        thread = threading.current_thread()
        try:
            with self._prepared(connection) as served:
                with self._guard:
                    self._open[thread] = served
                self._serve(served, peer)
        except OSError as error:
            log.info("%s: the connection of %s ended: %s", self._name, peer, error)
        except Exception:
            log.exception("%s: the connection of %s is closed", self._name, peer)
        finally:
            connection.close()
            with self._guard:
                self._open.pop(thread, None)

    def _prepared(self, connection: socket.socket) -> socket.socket:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)
        connection.settimeout(self._timeout)
        if self._context is None:
            return connection
        return self._context.wrap_socket(connection, server_side=True)


def _end_reading(connection: socket.socket) -> None:
    """Have whoever waits for the other side read its end; what is handled can still be answered."""
    with contextlib.suppress(OSError):  # it is closed
        # a socket of TLS would speak in clear text after a shutdown of its own
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            same.shutdown(socket.SHUT_RD)
