"""The life of a connection over AMQP 1.0, and the bytes that are exchanged for it.

Proton keeps the protocol, and is given bytes and asked for bytes; sockets, TLS and deadlines are
those of all connections here.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping

import proton
from hansa_connect.files import one_line
from hansa_connect.sockets import SHORTEST, is_silent
from proton import Endpoint, Event, Transport, TransportException

from ..broker_socket import CLOSE_WAIT, BrokerSocket, ProtocolError, Refused
from ..settings import BrokerSettings
from .addresses import Addresses

FRAME = 128 * 1024
"""Bytes of a frame, at most."""
_ENDED = Endpoint.REMOTE_CLOSED
_OPEN = Endpoint.REMOTE_ACTIVE
_BY_OPERATOR = "amqp:connection:forced"
"""What a broker says that ends."""


class AmqpEngine(BrokerSocket):
    """A connection with one session, and no link yet."""

    protocol = "AMQP 1.0"

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        super().__init__(broker, client_id, heartbeat)
        self._refused = False
        self._addresses = Addresses(broker, {})

    # -- life --------------------------------------------------------------------------------------

    def log_in(self) -> None:
        """Say who connects, and open a session; raises what is wrong."""
        broker = self.broker
        self._transport = Transport()
        self._transport.max_frame_size = FRAME
        self._transport.idle_timeout = self.heartbeat * 2
        sasl = self._transport.sasl()
        sasl.allow_insecure_mechs = True  # TLS, where there is any, is in the socket
        sasl.allowed_mechs(self._mechanisms())
        self._engine = proton.Connection()
        self._engine.container = self.client_id or f"hansa-{uuid.uuid4()}"
        self._engine.hostname = broker.virtual_host or broker.host
        if broker.username:
            self._engine.user = broker.username
            self._engine.password = str(broker.password or "")
        self._collector = proton.Collector()
        self._engine.collect(self._collector)
        self._transport.bind(self._engine)
        self._engine.open()
        self._session = self._engine.session()
        self._session.open()
        self.wait_for(lambda: bool(self._engine.state & _OPEN and self._session.state & _OPEN))
        self._addresses = Addresses(broker, self.told)

    def _mechanisms(self) -> str:
        if self.broker.username:
            return "PLAIN"
        return "EXTERNAL ANONYMOUS" if self.broker.tls else "ANONYMOUS"

    @property
    def told(self) -> Mapping[str, object]:
        """What the broker says of itself."""
        found = self._engine.remote_properties
        return {str(name): value for name, value in found.items()} if found else {}

    def alive(self) -> bool:
        """Return whether it can be used, after reading what the broker has sent meanwhile."""
        if self._socket is None or self._refused or self.broken:
            return False
        try:
            with self.translated():
                while not is_silent(self._socket.fileno()):
                    self._socket.settimeout(SHORTEST)  # TLS may have a part of a record
                    try:
                        self.read()
                    except TimeoutError:
                        break
                    finally:
                        self._socket.settimeout(max(SHORTEST, self.broker.timeout))
        except Exception:  # whatever has ended it: another one is opened
            return False
        return not self._ended()

    def check(self) -> None:
        """Have the broker answer, by opening another session; raises `Unavailable`."""
        with self.translated():
            asked = self._engine.session()
            asked.open()
            self.wait_for(lambda: bool(asked.state & _OPEN))
            asked.close()
            self.wait_for(lambda: bool(asked.state & _ENDED))
            asked.free()

    def close(self) -> None:
        """End the connection in order, so that the broker has dealt with what was told before."""
        if self._socket is not None and self._connected and not self.broken and not self._refused:
            with contextlib.suppress(Exception):  # it is broken, or slow
                self.leave()
                self._socket.settimeout(CLOSE_WAIT)
                self._engine.close()
                self.flush()
                deadline = time.monotonic() + CLOSE_WAIT
                while not self._engine.state & _ENDED:
                    self.read(deadline)
        super().close()

    def leave(self) -> None:
        """End what has to end before the connection; by default nothing."""

    # -- bytes -------------------------------------------------------------------------------------

    def wait_for(self, done: Callable[[], bool], link: proton.Link | None = None) -> None:
        """Exchange bytes with the broker until something has happened.

        Raises `Refused` if the broker ends the link, the session or the connection instead, and
        OSError or EOFError.
        """
        deadline = None
        while not done():
            self._refuse(link)
            self.flush()
            deadline = deadline or self.deadline()  # what was to be sent has been
            if not done():
                self.read(deadline)

    def _refuse(self, link: proton.Link | None) -> None:
        """Raise what the broker says why it has ended something."""
        for endpoint in (self._engine, self._session, link):
            if endpoint is None or not endpoint.state & _ENDED:
                continue
            condition = endpoint.remote_condition
            if not self._connected:
                raise self.turned_away(reason_of(condition))
            self._refused = endpoint is not link
            if condition is not None and condition.name == _BY_OPERATOR:
                raise self.lost(f"{self.where} ended the connection: {reason_of(condition)}")
            raise Refused(f"{self.where} refuses it: {reason_of(condition)}")

    def flush(self) -> None:
        """Send what Proton has for the broker; raises OSError."""
        transport = self._transport
        transport.tick(time.monotonic())
        pending = transport.pending()
        while pending > 0:
            data = transport.peek(pending) or b""
            self.socket.sendall(data)
            transport.pop(len(data))
            pending = transport.pending()
        self._check_transport()

    def read(self, deadline: float | None = None) -> None:
        """Read what has come, wait for it, and give it to Proton.

        Raises OSError, EOFError or `ProtocolError`.
        """
        data = memoryview(self.received(deadline))
        while data:
            capacity = self._transport.capacity()
            if capacity <= 0:
                self._check_transport()
                raise EOFError("it closed the connection")
            try:
                self._transport.push(bytes(data[:capacity]))
            except TransportException as error:
                raise ProtocolError(one_line(error)) from error
            data = data[capacity:]
            self._take_events()
        self._check_transport()

    def _take_events(self) -> None:
        event = self._collector.peek()
        while event is not None:
            self.happened(event)
            self._collector.pop()
            event = self._collector.peek()

    def happened(self, event: Event) -> None:
        """Take note of what the broker has done."""

    def _check_transport(self) -> None:
        """Raise what has ended the protocol."""
        condition = self._transport.condition
        if condition is None:
            return
        if condition.name == "amqp:unauthorized-access":
            raise self.turned_away(reason_of(condition), about_login=True)
        if "idle-timeout" in str(condition.description):
            raise TimeoutError(f"it has been silent for {self.heartbeat * 2:.0f} s")
        if self._ended():
            return  # it says why itself
        raise ProtocolError(reason_of(condition))

    def _ended(self) -> bool:
        return bool(self._engine.state & _ENDED or self._session.state & _ENDED)


def reason_of(condition: proton.Condition | None) -> str:
    """Return why a broker refuses something, in its own words."""
    if condition is None or not (condition.description or condition.name):
        return "no reason given"
    return one_line(Exception(condition.description or condition.name))
