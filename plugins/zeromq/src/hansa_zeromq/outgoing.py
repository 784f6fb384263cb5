"""The outgoing connection zeromq: PUSH, PUB and REQ sockets, usable from many threads, each call within its deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import zmq
from hansa import Invalid, Outgoing, TimedOut, Unavailable, setting
from hansa_connect.sequence import Numbers

from .endpoint import Endpoint, open_socket

Data = str | bytes | Sequence[str | bytes]
TYPES = {"PUSH": zmq.PUSH, "PUB": zmq.XPUB, "REQ": zmq.REQ}
PATIENCE = 1.0  # seconds that the first message of a PUB waits for a subscriber


class Sending(Endpoint):
    """Settings of the outgoing connection."""

    socket: Annotated[
        Literal["PUSH", "PUB", "REQ"],
        setting("PUSH gives work to one peer, PUB tells all, REQ asks and gets an answer"),
    ] = "PUSH"
    timeout: Annotated[
        float, setting("Seconds for a call: until a peer takes it, or answers", gt=0, le=3600)
    ] = 10.0


class ZeroMQOutgoing(Outgoing):
    """Sends messages over ZeroMQ: `self.outgoing.zeromq["name"].send("text")`, `.request("question")` where it is a REQ.

    ZeroMQ has no acknowledgements: a message that was taken may be lost with a process. PUSH waits while no peer is there or all
    are full, PUB drops for a subscriber that is too slow, and `dropped` counts what nobody had subscribed to.
    """

    type = "zeromq"
    Config = Sending
    _context: Any = None

    def start(self) -> None:
        """Make the first socket; sockets connect by themselves, now and after each loss."""
        self.sent = self.dropped = self._subscriptions = 0
        self._numbers, self._lock = Numbers(), threading.Lock()
        self._patience = time.monotonic() + PATIENCE
        self._context = zmq.Context()
        self._idle = [self._open()]

    def stop(self) -> None:
        """Close the sockets; what they still have gets two seconds."""
        context, self._context = self._context, None
        if context is not None:
            context.destroy(2000)

    def _open(self) -> Any:
        # only peers that are there get messages: a queue to nobody would look like success
        return open_socket(
            self._context, TYPES[self.config.socket], self.config, bind=False, immediate=1
        )

    @contextmanager
    def _socket(self) -> Iterator[Any]:
        """A socket for this thread alone; a REQ whose question was not answered is of no use any more."""
        with self._lock:
            made = self._idle.pop() if self._idle else self._open()
        try:
            yield made
        except BaseException:
            if self.config.socket == "REQ":
                made = made.close(0)
            raise
        finally:
            self._idle += [made] if made else []

    def ping(self) -> str:
        """What was sent; raises `Unavailable` if nobody listens at the address."""
        scheme, _, place = self.config.address.partition("://")
        host, _, port = place.rpartition(":")
        try:
            if scheme == "tcp":
                socket.create_connection(
                    (host.strip("[]"), int(port)), min(1.0, self.config.timeout)
                ).close()
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"outgoing zeromq {self.name!r}: {self.config.address}: {error}"
            ) from error
        return f"{self.config.socket} at {self.config.address}: {self.sent} sent, {self.dropped} dropped"

    def send(self, data: Data, *, timeout: float = 0.0) -> None:
        """Send text, bytes, or several frames, of which the first is what the header `topic` is made of.

        Raises `TimedOut` when no peer takes it in time, `Invalid` on a REQ.
        """
        frames, end = _frames(data), time.monotonic() + (timeout or self.config.timeout)
        if self.config.socket == "REQ":
            raise Invalid(f"outgoing zeromq {self.name!r} is a REQ: use request()")
        if self.config.socket == "PUB":
            with self._lock:  # it waits for nobody, so one socket will do
                self._look(min(end, self._patience))
                self.dropped += not self._subscriptions
                self._idle[0].send_multipart(self._numbered(frames))
        else:
            with self._socket() as made:
                self._await(made, end, zmq.POLLOUT)
                with self._lock:
                    made.send_multipart(self._numbered(frames), zmq.NOBLOCK)

    def request(self, data: Data, *, timeout: float = 0.0) -> bytes:
        """Ask, and give the last frame of the answer; raises `TimedOut` when there is none in time, `Invalid` on others."""
        if self.config.socket != "REQ":
            raise Invalid(f"outgoing zeromq {self.name!r} is a {self.config.socket}: use send()")
        end = time.monotonic() + (timeout or self.config.timeout)
        with self._socket() as made:
            self._await(made, end, zmq.POLLOUT)
            made.send_multipart(self._numbered(_frames(data)))
            self._await(made, end, zmq.POLLIN)
            return bytes(made.recv_multipart()[-1])

    def _await(self, made: Any, end: float, what: int) -> None:
        if not made.poll(max(0.0, end - time.monotonic()) * 1000, what):
            raise TimedOut(
                f"outgoing zeromq {self.name!r}: nobody at {self.config.address} took or answered in time"
            )

    def _look(self, end: float) -> None:
        """Count subscriptions that came or ended; wait until then for the first one."""
        while self._idle[0].poll(
            0 if self._subscriptions else max(0.0, end - time.monotonic()) * 1000
        ):
            self._subscriptions += 1 if self._idle[0].recv()[:1] == b"\x01" else -1

    def _numbered(self, frames: list[bytes]) -> list[bytes]:
        self.sent += 1
        stream = frames[0] if len(frames) > 1 else b""
        return [*frames, self._numbers.next(stream)] if self.config.sequence else frames


def _frames(data: Data) -> list[bytes]:
    parts = [data] if isinstance(data, str | bytes) else data
    return [part.encode() if isinstance(part, str) else bytes(part) for part in parts] or [b""]
