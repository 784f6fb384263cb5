"""The outgoing connection zeromq: PUSH, PUB and REQ sockets that many threads may use."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import zmq
from hansa import Misused, Outgoing, TimedOut, Unavailable
from hansa_connect.sequence import Numbers

from .connection import Context, Socket, open_socket
from .settings import SendingSettings

Data: TypeAlias = str | bytes | Sequence[str | bytes]
"""A message: one frame, or several."""

TYPES = {"PUSH": zmq.PUSH, "PUB": zmq.XPUB, "REQ": zmq.REQ}
SUBSCRIBED = b"\x01"
"""The first byte of what an XPUB socket receives when a peer subscribes."""
SUBSCRIBER_WAIT = 1.0
"""Seconds after the start for which the first message of a PUB waits for a subscriber."""
LINGER = 2000
"""Milliseconds that messages which are still in memory get at the end."""
PING_TIMEOUT = 1.0


class ZeroMQOutgoing(Outgoing[SendingSettings]):
    """Sends messages over ZeroMQ: `self.outgoing.zeromq["name"].send("text")`.

    A REQ has `.request("question")`. ZeroMQ has no acknowledgements: a message that was taken may
    be lost with a process. PUSH waits while no peer is there or all are full, PUB drops for a
    subscriber that is too slow, and `dropped` counts what nobody had subscribed to.
    """

    type = "zeromq"

    _context: Context | None = None

    def start(self) -> None:
        """Make the first socket; sockets connect by themselves, now and after each loss."""
        self.sent = 0
        self.dropped = 0
        self._subscriptions = 0
        self._numbers = Numbers()
        self._lock = threading.Lock()
        self._waits_until = time.monotonic() + SUBSCRIBER_WAIT
        self._context = zmq.Context()
        self._idle = [self._open()]

    def stop(self) -> None:
        """Close the sockets; what they still have gets two seconds."""
        context = self._context
        self._context = None
        if context is not None:
            context.destroy(LINGER)

    def ping(self) -> str:
        """Return how many messages were sent.

        Raises `Unavailable` if nobody listens at the address.
        """
        config = self.config
        scheme, _, place = config.address.partition("://")
        if scheme == "tcp":
            host, _, port = place.rpartition(":")
            timeout = min(PING_TIMEOUT, config.timeout)
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout).close()
            except (OSError, ValueError) as error:
                raise Unavailable(f"{self._what}: {config.address}: {error}") from error
        counts = f"{self.sent} sent, {self.dropped} dropped"
        return f"{config.socket} at {config.address}: {counts}"

    def send(self, data: Data, *, timeout: float = 0.0) -> None:
        """Send text, bytes, or several frames, the first of which is the topic.

        Raises `TimedOut` when no peer takes it within `timeout` seconds, by default those of the
        settings, and `Misused` on a REQ.
        """
        frames = _frames(data)
        ends = time.monotonic() + (timeout or self.config.timeout)
        if self.config.socket == "REQ":
            raise Misused(f"{self._what} is a REQ: use request()")
        with self.observed():
            if self.config.socket == "PUB":
                self._publish(frames, ends)
            else:
                self._push(frames, ends)

    def request(self, data: Data, *, timeout: float = 0.0) -> bytes:
        """Ask, and return the last frame of the answer.

        Raises `TimedOut` when there is none within `timeout` seconds, by default those of the
        settings, and `Misused` on other sockets than REQ.
        """
        if self.config.socket != "REQ":
            raise Misused(f"{self._what} is a {self.config.socket}: use send()")
        ends = time.monotonic() + (timeout or self.config.timeout)
        with self.observed(), self._borrowed() as made:
            self._send_by(made, _frames(data), ends)
            self._await(made, ends, zmq.POLLIN)
            return bytes(made.recv_multipart()[-1])

    @property
    def _what(self) -> str:
        return f"outgoing zeromq {self.name!r}"

    def _open(self) -> Socket:
        if self._context is None:
            raise Unavailable(f"{self._what} is not started")
        # only peers that are there get messages: a queue to nobody would look like success
        type = TYPES[self.config.socket]
        return open_socket(self._context, type, self.config, bind=False, immediate=1)

    @contextmanager
    def _borrowed(self) -> Iterator[Socket]:
        """Lend a socket to this thread.

        A REQ whose question was not answered is closed, and not kept.
        """
        with self._lock:
            made = self._idle.pop() if self._idle else self._open()
        try:
            yield made
        except BaseException:
            if self.config.socket == "REQ":
                made.close(0)
            else:
                self._idle.append(made)
            raise
        self._idle.append(made)

    def _push(self, frames: list[bytes], ends: float) -> None:
        with self._borrowed() as made:
            self._send_by(made, frames, ends)

    def _send_by(self, made: Socket, frames: list[bytes], ends: float) -> None:
        """Send as soon as a peer takes the message.

        Raises `TimedOut` when none does by `ends`.
        """
        while True:
            self._await(made, ends, zmq.POLLOUT)
            with self._lock:
                try:
                    made.send_multipart(self._numbered(frames), zmq.NOBLOCK)
                except zmq.Again:  # the peer that was there went in between
                    self._numbers.withdraw(_stream(frames))
                else:
                    self.sent += 1
                    return

    def _publish(self, frames: list[bytes], ends: float) -> None:
        with self._lock:  # publishing waits for nobody, so one socket will do
            self._count_subscriptions(min(ends, self._waits_until))
            if not self._subscriptions:
                self.dropped += 1
            self._idle[0].send_multipart(self._numbered(frames))
            self.sent += 1

    def _count_subscriptions(self, ends: float) -> None:
        """Note subscriptions that came or ended.

        Without any, wait until `ends` for the first one.
        """
        made = self._idle[0]
        while made.poll(0 if self._subscriptions else _milliseconds_until(ends)):
            if made.recv()[:1] == SUBSCRIBED:
                self._subscriptions += 1
            else:
                self._subscriptions -= 1

    def _await(self, made: Socket, ends: float, event: int) -> None:
        if not made.poll(_milliseconds_until(ends), event):
            raise TimedOut(
                f"{self._what}: nobody at {self.config.address} took or answered in time"
            )

    def _numbered(self, frames: list[bytes]) -> list[bytes]:
        if not self.config.sequence:
            return frames
        return [*frames, self._numbers.next(_stream(frames))]


def _milliseconds_until(ends: float) -> int:
    return math.ceil(max(0.0, ends - time.monotonic()) * 1000)


def _frames(data: Data) -> list[bytes]:
    parts = [data] if isinstance(data, str | bytes) else data
    frames = [part.encode() if isinstance(part, str) else bytes(part) for part in parts]
    return frames or [b""]


def _stream(frames: list[bytes]) -> bytes:
    """Return which messages a message is counted with: those of the same topic."""
    return frames[0] if len(frames) > 1 else b""
