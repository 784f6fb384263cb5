"""A connection that receives: it waits for the broker and for other threads, and keeps heart-beats."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from hansa import Unavailable

from ..broker_socket import ProtocolError
from ..maps import TRANSFORMATION
from ..settings import BrokerSettings
from ..waiting import Calls
from ..wire import Received, Subscription
from .connection import StompConnection
from .frames import Frame, encoded
from .messages import received

SUBSCRIPTION = "1"
"""A connection has one subscription."""
SILENT = 2.0
"""So many times the agreed pause may pass without a word before the broker is lost."""
HEART_BEAT = b"\n"
LONGEST_WAIT = 60.0
"""Seconds between two looks at the clock without heart-beats."""


class StompSubscriber(StompConnection):
    """A connection with one subscription, used by one thread; only `call_soon` and `abort` are called from
    others.
    """

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        super().__init__(broker, client_id, heartbeat)
        self._calls = Calls()
        self._max_body = 0
        self._early: list[Frame] = []
        self._written = 0.0
        self._heard = 0.0

    def subscribe(self, subscription: Subscription) -> None:
        """Have the broker deliver messages; raises `Refused` and `Unavailable`."""
        self._calls.open()
        self._max_body = subscription.max_body
        headers = {
            "id": SUBSCRIPTION,
            "ack": "client-individual",
            "destination": subscription.destination,
            "activemq.prefetchSize": str(subscription.prefetch),
        }
        if subscription.durable:
            headers["activemq.subscriptionName"] = subscription.durable
        if subscription.selector:
            headers["selector"] = subscription.selector
        if subscription.maps:
            headers["transformation"] = TRANSFORMATION
        try:
            self.request("SUBSCRIBE", headers)
        except Unavailable as error:
            if subscription.maps and self.broken:
                raise Unavailable(
                    f"{error.detail}; if the broker has no XStream, set maps to false"
                ) from error
            raise
        self._heard = time.monotonic()

    def unexpected(self, frame: Frame) -> None:
        """Keep messages that come before the answer that is waited for."""
        super().unexpected(frame)
        self._early.append(frame)

    def wait(self) -> list[Received]:
        """Wait for messages or for `call_soon`, and return the messages; raises `Unavailable`."""
        if self._early or self._frames:
            frames = [*self._early, *self._frames]
            self._early.clear()
            self._frames.clear()
            return self._messages(frames)
        with self.translated():
            self._keep_alive()
            if self._calls.wait(self.socket, self._pause()):
                self._note(self.read())
        self._calls.run()
        frames = list(self._frames)
        self._frames.clear()
        return self._messages(frames)

    def _messages(self, frames: Iterable[Frame]) -> list[Received]:
        for frame in frames:
            super().unexpected(frame)
        limit = self._max_body
        return [received(frame, limit) for frame in frames if frame.command == "MESSAGE"]

    def _note(self, data: bytes) -> None:
        """Note that the broker was heard; what looks like a heart-beat inside a frame does not count."""
        if data != HEART_BEAT or not self._reader.is_inside:
            self._heard = time.monotonic()

    def _pause(self) -> float:
        """Return how many seconds may pass before heart-beats have to be seen to."""
        sends, hears = self.beats
        pauses = [LONGEST_WAIT]
        if sends:
            pauses.append(sends / 2)
        if hears:
            pauses.append(hears)
        return min(pauses)

    def _keep_alive(self) -> None:
        now = time.monotonic()
        sends, hears = self.beats
        if hears and now - self._heard > hears * SILENT:
            if self._reader.is_inside:
                raise ProtocolError("a message does not end where its content-length says")
            raise TimeoutError(f"it has been silent for {now - self._heard:.0f} s")
        if sends and now - self._written >= sends / 2:
            self.write(HEART_BEAT)

    def write(self, data: bytes) -> None:
        """Send bytes, and note when; raises OSError."""
        super().write(data)
        self._written = time.monotonic()

    def acknowledge(self, handles: Iterable[str]) -> None:
        """Send ACK for messages; raises `Unavailable`."""
        self._tell("ACK", handles)

    def give_back(self, handle: str) -> None:
        """Leave a message unacknowledged: it goes to another consumer when this one ends.

        STOMP has a NACK, by which ActiveMQ makes it a dead letter.
        """

    def refuse(self, handle: str) -> None:
        """Send NACK for a message; raises `Unavailable`."""
        self._tell("NACK", [handle])

    def cancel(self) -> None:
        """Do nothing: after an UNSUBSCRIBE, ActiveMQ takes no ACK for what is in hand."""

    def _tell(self, command: str, ids: Iterable[str]) -> None:
        """Send frames of one command without waiting for an answer; raises `Unavailable`."""
        with self.translated():
            self.write(b"".join(encoded(command, {"id": each}) for each in ids))

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread that is in `wait` call this; does nothing if the connection is closed."""
        self._calls.call_soon(function)

    def close(self) -> None:
        """End the connection in order, so that the broker has dealt with what was told before."""
        if self._socket is not None and self._connected and not self.broken:
            with contextlib.suppress(Exception):  # it is broken, or slow
                self.request("DISCONNECT", {})
        super().close()
        self._calls.close()
