"""The socket of a connection to a broker, with or without TLS, whatever is spoken over it."""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Iterator

from hansa import HansaError, Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import CHECK_LOGIN, MAYBE_TLS, NO_TLS, advised, remedy_of
from hansa_connect.sockets import SHORTEST, dial, shut_down

from .settings import BrokerSettings

LARGEST = 256 * 1024 * 1024
"""Bytes of a message that is held in memory, at most."""
CHUNK = 256 * 1024
"""Bytes that are read at a time."""
CLOSE_WAIT = 1.0
"""Seconds that the broker gets to confirm the end of a connection."""
_SAYS_LOGIN = ("password", "credential", "authenticat", "login")
"""Words of a refusal that is about the login, where the protocol has no codes."""


class Refused(Unavailable):
    """The broker answered a request with an error; the text is the broker's."""


class ProtocolError(Exception):
    """The other side does not speak the protocol as it should."""


class BrokerSocket:
    """Base of connections as `hansa_connect.pool` wants them: a subclass logs in, and speaks.

    `client_id` is that of a durable subscription; `heartbeat` is in seconds, 0 for none.
    """

    protocol = ""
    """What errors call the protocol."""

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        self.broker = broker
        self.client_id = client_id
        self.heartbeat = heartbeat
        self.where = f"the broker at {broker.host}:{broker.effective_port}"
        self.broken = False
        self.ends = 0.0
        self._connected = False
        self._socket: socket.socket | None = None

    def log_in(self) -> None:
        """Do what is needed before the connection can be used; raises what is wrong."""
        raise NotImplementedError

    @property
    def socket(self) -> socket.socket:
        """The socket; raises `Unavailable` before `open`."""
        if self._socket is None:
            raise Unavailable(f"{self.where} is not connected")
        return self._socket

    def open(self, timeout: float) -> None:
        """Connect and log in within `timeout` seconds; raises `Unavailable`."""
        broker = self.broker
        with self.translated():
            context = broker.context()
            seconds = min(timeout, broker.connect_timeout)
            self._socket = dial(broker.host, broker.effective_port, seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=broker.host)
            self.log_in()
            self._connected = True
            self._socket.settimeout(max(SHORTEST, broker.timeout))

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        found = self._socket
        self._socket = None
        if found is not None:
            with contextlib.suppress(OSError):
                found.close()

    def abort(self) -> None:
        """Make a call that waits for the broker fail, from any thread."""
        found = self._socket
        if found is not None:
            with contextlib.suppress(OSError):  # it is closed
                shut_down(found.fileno())

    def deadline(self) -> float:
        """Return when the broker has to have answered what it is asked for now."""
        broker = self.broker
        first = math.inf if self._connected else broker.connect_timeout
        return time.monotonic() + min(first, broker.timeout)

    def received(self, deadline: float | None = None) -> bytes:
        """Return what has come, and wait for it; raises OSError or EOFError.

        Heart-beats end each wait for the socket: who waits for an answer has a `deadline`.
        """
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError("timed out")
        data = self.socket.recv(CHUNK)
        if not data:
            raise EOFError("it closed the connection")
        return data

    # -- what goes wrong ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise what goes wrong as `Unavailable`, and note a broken connection."""
        try:
            yield
        except HansaError:
            raise
        except ProtocolError as error:
            fault = f"{self.where} does not speak {self.protocol} as it should: {error}"
            raise self.lost(advised(fault, "" if self._connected else MAYBE_TLS)) from error
        except (OSError, EOFError, ssl.SSLError) as error:
            fault = f"the connection to {self.where} broke: {one_line(error)}"
            raise self.lost(advised(fault, self._remedy(error))) from error

    def _remedy(self, error: BaseException) -> str:
        if self._connected:
            return ""
        certificate = isinstance(error, ssl.SSLCertVerificationError)
        in_handshake = self._socket is not None and not isinstance(self._socket, ssl.SSLSocket)
        if self.broker.tls and in_handshake and not certificate:
            return NO_TLS
        return remedy_of(error, tls=self.broker.tls)

    def lost(self, fault: str) -> Unavailable:
        """Note that the connection cannot be used any more, and return why as an error."""
        self.broken = True
        return Unavailable(fault)

    def turned_away(self, reason: str, *, about_login: bool = False) -> Unavailable:
        """Return why the broker does not let anybody in, as an error that says what to check."""
        fault = f"{self.where} refuses the connection: {reason}"
        about_login = about_login or any(word in reason.lower() for word in _SAYS_LOGIN)
        return self.lost(advised(fault, CHECK_LOGIN if about_login else ""))
