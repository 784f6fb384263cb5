"""A connection that receives: it waits for the broker and for other threads, and keeps heart-beats."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from .connection import CLOSE_WAIT, Connection
from .frames import Frame, ProtocolError, encoded
from .settings import BrokerSettings

SUBSCRIPTION = "1"
"""A connection has one subscription."""
SILENT = 2.0
"""So many times the agreed pause may pass without a word before the broker is lost."""
HEART_BEAT = b"\n"
LONGEST_WAIT = 60.0
"""Seconds between two looks at the clock without heart-beats."""


class Subscriber(Connection):
    """A connection with one subscription, used by one thread; only `call_soon` and `abort` are called from
    others.
    """

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        super().__init__(broker, client_id, heartbeat)
        self._calls: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._woken: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._early: list[Frame] = []
        self._written = 0.0
        self._heard = 0.0

    def subscribe(self, headers: Mapping[str, str]) -> None:
        """Have the broker deliver messages; raises `Refused` and `Unavailable`."""
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        acknowledged = {"id": SUBSCRIPTION, "ack": "client-individual"}
        self.request("SUBSCRIBE", {**acknowledged, **headers})
        self._heard = time.monotonic()

    def unexpected(self, frame: Frame) -> None:
        """Keep messages that come before the answer that is waited for."""
        super().unexpected(frame)
        self._early.append(frame)

    def wait(self) -> list[Frame]:
        """Wait for messages or for `call_soon`, and return the messages; raises `Unavailable`."""
        if self._early or self._frames:
            frames = [*self._early, *self._frames]
            self._early.clear()
            self._frames.clear()
            return self._messages(frames)
        with self.translated():
            self._keep_alive()
            if self._is_readable():
                self._note(self.read())
        self._run_calls()
        frames = list(self._frames)
        self._frames.clear()
        return self._messages(frames)

    def _messages(self, frames: Iterable[Frame]) -> list[Frame]:
        for frame in frames:
            super().unexpected(frame)
        return [frame for frame in frames if frame.command == "MESSAGE"]

    def _is_readable(self) -> bool:
        """Wait for the broker or another thread, and return whether the broker has said something."""
        sock = self.socket
        assert self._woken is not None
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        polled = select.poll()
        polled.register(sock, select.POLLIN)
        polled.register(self._woken, select.POLLIN)
        found = polled.poll(self._pause() * 1000)
        if any(descriptor == self._woken.fileno() for descriptor, _ in found):
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(1000)
        return any(descriptor == sock.fileno() for descriptor, _ in found)

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

    def tell(self, command: str, given: Iterable[Mapping[str, str]]) -> None:
        """Send frames of one command without waiting for an answer; raises `Unavailable`."""
        with self.translated():
            self.write(b"".join(encoded(command, headers) for headers in given))

    # -- other threads -----------------------------------------------------------------------------

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread that is in `wait` call this; does nothing if the connection is closed."""
        self._calls.append(function)
        with self._lock, contextlib.suppress(BlockingIOError):  # it is woken already
            if self._waker is not None:
                self._waker.send(b"x")

    def _run_calls(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def close(self) -> None:
        """End the connection in order, so that the broker has dealt with what was told before."""
        if self._socket is not None and self._connected and not self.broken:
            with contextlib.suppress(Exception):  # it is broken, or slow
                self._socket.settimeout(CLOSE_WAIT)
                self.request("DISCONNECT", {})
        super().close()
        with self._lock:
            for each in (self._woken, self._waker):
                if each is not None:
                    each.close()
            self._woken = None
            self._waker = None
