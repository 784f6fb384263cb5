"""One connection to a broker, over STOMP 1.2: log in, send with a receipt, and ask for an answer."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import count

from hansa import HansaError, Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import CHECK_LOGIN, MAYBE_TLS, NO_TLS, advised, remedy_of
from hansa_connect.sockets import SHORTEST, dial, is_silent, shut_down

from .frames import Frame, FrameReader, ProtocolError, encoded
from .settings import BrokerSettings

LARGEST = 256 * 1024 * 1024
"""Bytes of a message that is held in memory, at most."""
CHUNK = 256 * 1024
"""Bytes that are read at a time."""
CLOSE_WAIT = 1.0
"""Seconds that the broker gets to confirm the end of a connection."""
_HEART_BEAT = re.compile(r" *([0-9]{1,12}) *, *([0-9]{1,12}) *")
_LINE_BREAKS = ("\r", "\n", "\0")
_SAYS_LOGIN = ("password", "credential", "authenticat", "login")
"""Words of a refusal that is about the login; the protocol has no codes."""


class Refused(Unavailable):
    """The broker answered a request with an error; the text is the broker's."""


class Connection:
    """A connection as `hansa_connect.pool` wants it.

    `client_id` is that of a durable subscription; `heartbeat` is in seconds, 0 for none.
    """

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        self.broker = broker
        self.client_id = client_id
        self.heartbeat = heartbeat
        self.where = f"the broker at {broker.host}:{broker.effective_port}"
        self.broken = False
        self.ends = 0.0
        self.beats = (0.0, 0.0)
        self._refused = False
        self._connected = False
        self._socket: socket.socket | None = None
        self._reader = FrameReader(LARGEST)
        self._frames: deque[Frame] = deque()
        self._receipts = count(1)

    @property
    def socket(self) -> socket.socket:
        """The socket; raises `Unavailable` before `open`."""
        if self._socket is None:
            raise Unavailable(f"{self.where} is not connected")
        return self._socket

    # -- life --------------------------------------------------------------------------------------

    def open(self, timeout: float) -> None:
        """Connect and log in within `timeout` seconds; raises `Unavailable`."""
        broker = self.broker
        seconds = min(timeout, broker.connect_timeout)
        with self.translated():
            context = broker.context()
            self._socket = dial(broker.host, broker.effective_port, seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=broker.host)
            self._log_in()
            self._socket.settimeout(max(SHORTEST, broker.timeout))

    def _log_in(self) -> None:
        self.write(encoded("CONNECT", self._login_headers()))
        answer = self.next_frame()
        if answer.command == "ERROR":
            fault = f"{self.where} refuses the connection: {_reason(answer)}"
            about_login = any(word in fault.lower() for word in _SAYS_LOGIN)
            raise self._lost(advised(fault, CHECK_LOGIN if about_login else ""))
        if answer.command != "CONNECTED":
            raise ProtocolError(f"it answers with {answer.command[:20]!a}")
        if answer.headers.get("version") != "1.2":
            raise ProtocolError("it does not speak version 1.2")
        self._agree(answer.headers.get("heart-beat", "0,0"))
        self._connected = True

    def _login_headers(self) -> dict[str, str]:
        broker = self.broker
        beat = str(round(self.heartbeat * 1000))
        headers = {
            "accept-version": "1.2",
            "host": broker.virtual_host or broker.host,
            "heart-beat": f"{beat},{beat}",
        }
        given = {
            "login": broker.username,
            "passcode": str(broker.password or ""),
            "client-id": self.client_id,
        }
        for name, value in given.items():
            if any(each in value for each in _LINE_BREAKS):
                raise self._lost(f"the {name} for {self.where} has a line break or a NUL")
            if value:
                headers[name] = value
        return headers

    def _agree(self, given: str) -> None:
        """Set how often both sides are heard at least, in seconds (STOMP 1.2, "Heart-beating")."""
        found = _HEART_BEAT.fullmatch(given)
        if found is None:
            raise ProtocolError("its heart-beat is not two numbers")
        sends, wants = (int(part) / 1000 for part in found.groups())
        own = self.heartbeat
        self.beats = (
            max(own, wants) if own and wants else 0.0,
            max(own, sends) if own and sends else 0.0,
        )

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

    def alive(self) -> bool:
        """Return whether it can be used: after an error, brokers may close a connection."""
        if self._socket is None or self._refused or self._frames:
            return False
        return is_silent(self._socket.fileno())

    def check(self) -> None:
        """Have the broker answer; raises `Unavailable`."""
        # a transaction in which nothing happens: there is no command that only asks
        self.request("BEGIN", {"transaction": "ping"})
        self.request("ABORT", {"transaction": "ping"})

    # -- frames ------------------------------------------------------------------------------------

    def request(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a frame and wait until the broker has dealt with it.

        Raises `Refused` if the broker answers with an error, and `Unavailable`.
        """
        receipt = str(next(self._receipts))
        with self.translated():
            self.write(encoded(command, {**headers, "receipt": receipt}, body))
            while True:
                frame = self.next_frame()
                if frame.headers.get("receipt-id") == receipt:
                    break
                self.unexpected(frame)
        if frame.command == "ERROR":
            self._refused = True
            raise Refused(f"{self.where} refuses it: {_reason(frame)}")

    def unexpected(self, frame: Frame) -> None:
        """Deal with a frame that is not the answer that is waited for; raises `Unavailable`."""
        if frame.command == "ERROR":
            raise self._lost(f"{self.where} ended the connection: {_reason(frame)}")

    def write(self, data: bytes) -> None:
        """Send bytes; raises OSError."""
        self.socket.sendall(data)

    def next_frame(self) -> Frame:
        """Return the next frame, and wait for it; raises OSError, EOFError or `ProtocolError`."""
        while not self._frames:
            self.read()
        return self._frames.popleft()

    def read(self) -> bytes:
        """Read what has come, wait for it, and return it.

        Raises OSError, EOFError or `ProtocolError`.
        """
        data = self.socket.recv(CHUNK)
        if not data:
            raise EOFError("it closed the connection")
        self._frames += self._reader.feed(data)
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
            fault = f"{self.where} does not speak STOMP as it should: {error}"
            raise self._lost(advised(fault, "" if self._connected else MAYBE_TLS)) from error
        except (OSError, EOFError, ssl.SSLError) as error:
            fault = f"the connection to {self.where} broke: {one_line(error)}"
            raise self._lost(advised(fault, self._remedy(error))) from error

    def _remedy(self, error: BaseException) -> str:
        if self._connected:
            return ""
        certificate = isinstance(error, ssl.SSLCertVerificationError)
        in_handshake = self._socket is not None and not isinstance(self._socket, ssl.SSLSocket)
        if self.broker.tls and in_handshake and not certificate:
            return NO_TLS
        return remedy_of(error, tls=self.broker.tls)

    def _lost(self, fault: str) -> Unavailable:
        self.broken = True
        return Unavailable(fault)


def _reason(frame: Frame) -> str:
    """Return why a broker refuses something: its own short text, without the stack in the body."""
    return one_line(Exception(frame.headers.get("message") or "no reason given"))
