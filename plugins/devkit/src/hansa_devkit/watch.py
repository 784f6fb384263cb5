"""Watch what code under test opens: sockets, programs and threads; and make any one of these steps
fail.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_EVENTS = (
    "socket.__new__",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.sendto",
    "subprocess.Popen",
)
_watches: list[Watch] = []


class Planned(OSError):
    """The fault that the kit puts in the way of a step."""


class Watch:
    """What one thread, and the threads it started, have opened while this was watching.

    `steps` counts what the watched thread itself did; the step number `fail_at` (from 1) raises
    `Planned` instead.
    """

    def __init__(self, fail_at: int = 0) -> None:
        self.steps: list[str] = []
        self.threads: set[threading.Thread] = set()
        self._sockets: list[Callable[[], socket.socket | None]] = []
        self.fail_at = fail_at
        self.failed = False
        self._owner = threading.current_thread()

    def step(self, what: str) -> None:
        """Note a step of the watched thread, or make it fail."""
        self.steps.append(what)
        if len(self.steps) == self.fail_at:
            self.failed = True
            raise Planned(f"the conformance kit makes this step fail: {what}")

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event (PEP 578) of the interpreter."""
        if threading.current_thread() is self._owner:
            self.step(name)
            if name == "socket.__new__":
                self._sockets.append(_reference(arguments[0]))

    def begins(self, thread: threading.Thread) -> None:
        """Take the start of a thread."""
        starter = threading.current_thread()
        if starter is self._owner:
            self.step(f"thread {thread.name}")
        if starter is self._owner or starter in self.threads:
            self.threads.add(thread)

    def left(self, seconds: float) -> list[str]:
        """What is still open or running after at most `seconds`: threads by name, sockets by
        address.
        """
        end = time.monotonic() + seconds
        while True:
            found = [f"thread {thread.name}" for thread in self.threads if thread.is_alive()]
            found += [f"socket {one!r}" for one in self.sockets if one.fileno() != -1]
            if not found or time.monotonic() > end:
                return found
            gc.collect()
            time.sleep(0.01)

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets that the watched thread has made and that are not garbage."""
        found = [reference() for reference in self._sockets]
        return [one for one in found if one is not None]


def _reference(made: socket.socket) -> Callable[[], socket.socket | None]:
    """Return what leads to a socket without keeping it: an event loop leaves its own to the garbage
    collector, which closes them.
    """
    try:
        return weakref.ref(made)
    except TypeError:  # the class of the C module, which few use
        return lambda: made


def _audit(name: str, arguments: tuple[Any, ...]) -> None:
    if _watches and name in _EVENTS:
        for watch in list(_watches):
            watch.event(name, arguments)


_installed = threading.Event()


@contextmanager
def watching(fail_at: int = 0) -> Iterator[Watch]:
    """Watch what the calling thread does in the block; threads it starts are followed."""
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_audit)  # cannot be taken away again, hence once
    watch = Watch(fail_at)
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        watch.begins(thread)
        original(thread)

    threading.Thread.start = start  # type: ignore[method-assign, assignment]  # for a while
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)
        threading.Thread.start = original  # type: ignore[method-assign]  # as before


def open_sockets() -> set[str]:
    """The sockets of this process as the kernel knows them, those of C libraries included; empty
    where it does not tell.
    """
    found = set()
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return set()
    for number in numbers:
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found
