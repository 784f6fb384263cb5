"""One connection to a broker, over STOMP 1.2: log in, send with a receipt, and ask for an answer."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from itertools import count

from hansa_connect.files import one_line
from hansa_connect.sockets import is_silent

from ..broker_socket import LARGEST, BrokerSocket, ProtocolError, Refused
from ..settings import BrokerSettings
from ..wire import Outbound, Received
from .frames import Frame, FrameReader, encoded
from .messages import copied_frame, outgoing_frame

_HEART_BEAT = re.compile(r" *([0-9]{1,12}) *, *([0-9]{1,12}) *")
_LINE_BREAKS = ("\r", "\n", "\0")


class StompConnection(BrokerSocket):
    """A connection that sends, and asks; `beats` says how often both sides are heard, in seconds."""

    protocol = "STOMP"

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        super().__init__(broker, client_id, heartbeat)
        self.beats = (0.0, 0.0)
        self._refused = False
        self._reader = FrameReader(LARGEST)
        self._frames: deque[Frame] = deque()
        self._receipts = count(1)

    # -- life --------------------------------------------------------------------------------------

    def log_in(self) -> None:
        """Say who connects, and agree on heart-beats; raises what is wrong."""
        self.write(encoded("CONNECT", self._login_headers()))
        answer = self.next_frame(self.deadline())
        if answer.command == "ERROR":
            raise self.turned_away(_reason(answer))
        if answer.command != "CONNECTED":
            raise ProtocolError(f"it answers with {answer.command[:20]!a}")
        if answer.headers.get("version") != "1.2":
            raise ProtocolError("it does not speak version 1.2")
        self._agree(answer.headers.get("heart-beat", "0,0"))

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
                raise self.lost(f"the {name} for {self.where} has a line break or a NUL")
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

    # -- messages ----------------------------------------------------------------------------------

    def send(self, message: Outbound) -> None:
        """Send a message, and return once the broker has it.

        Raises `TooLarge`, `Refused` and `Unavailable`.
        """
        headers, body = outgoing_frame(message)
        self.request("SEND", headers, body)

    def send_copy(
        self, message: Received, properties: Mapping[str, str], destination: str, dead: bool
    ) -> None:
        """Send a copy, and return once the broker has it; raises `Refused` and `Unavailable`."""
        headers, body = copied_frame(message, properties, destination, dead)
        self.request("SEND", headers, body)

    # -- frames ------------------------------------------------------------------------------------

    def request(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a frame and wait until the broker has dealt with it.

        Raises `Refused` if the broker answers with an error, and `Unavailable`.
        """
        receipt = str(next(self._receipts))
        with self.translated():
            self.write(encoded(command, {**headers, "receipt": receipt}, body))
            deadline = self.deadline()
            while True:
                frame = self.next_frame(deadline)
                if frame.headers.get("receipt-id") == receipt:
                    break
                self.unexpected(frame)
        if frame.command == "ERROR":
            self._refused = True
            raise Refused(f"{self.where} refuses it: {_reason(frame)}")

    def unexpected(self, frame: Frame) -> None:
        """Deal with a frame that is not the answer that is waited for; raises `Unavailable`."""
        if frame.command == "ERROR":
            raise self.lost(f"{self.where} ended the connection: {_reason(frame)}")

    def write(self, data: bytes) -> None:
        """Send bytes; raises OSError."""
        self.socket.sendall(data)

    def next_frame(self, deadline: float) -> Frame:
        """Return the next frame, and wait for it; raises OSError, EOFError or `ProtocolError`."""
        while not self._frames:
            self.read(deadline)
        return self._frames.popleft()

    def read(self, deadline: float | None = None) -> bytes:
        """Read what has come, wait for it, and return it.

        Raises OSError, EOFError or `ProtocolError`.
        """
        data = self.received(deadline)
        self._frames += self._reader.feed(data)
        return data


def _reason(frame: Frame) -> str:
    """Return why a broker refuses something: its own short text, without the stack in the body."""
    return one_line(Exception(frame.headers.get("message") or "no reason given"))
