"""Waits for a socket and for other threads at the same time."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable


class Calls:
    """What other threads want one thread to call that waits for its socket."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._woken: socket.socket | None = None
        self._waker: socket.socket | None = None

    def open(self) -> None:
        """Make `call_soon` wake the thread from here on."""
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def close(self) -> None:
        """Close what wakes the thread; may be called more than once, and before `open`."""
        with self._lock:
            for each in (self._woken, self._waker):
                if each is not None:
                    each.close()
            self._woken = None
            self._waker = None

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread call this, from any other; does nothing after `close`."""
        self._calls.append(function)
        with self._lock, contextlib.suppress(BlockingIOError):  # it is woken already
            if self._waker is not None:
                self._waker.send(b"x")

    def run(self) -> None:
        """Call what others want to have called."""
        while self._calls:
            self._calls.popleft()()

    def wait(self, sock: socket.socket, seconds: float) -> bool:
        """Wait at most so long for the socket or another thread.

        Returns whether the socket can be read.
        """
        woken = self._woken
        assert woken is not None
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        polled = select.poll()
        polled.register(sock, select.POLLIN)
        polled.register(woken, select.POLLIN)
        found = polled.poll(seconds * 1000)
        if any(descriptor == woken.fileno() for descriptor, _ in found):
            with contextlib.suppress(BlockingIOError):
                woken.recv(1000)
        return any(descriptor == sock.fileno() for descriptor, _ in found)
