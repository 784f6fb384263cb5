"""Granian inside a worker of Hansa: its reader of sockets, which calls Python for each request, and
no event loop.

It rests on the inside of granian 2.8, hence the pin `<2.9`; tests/test_worker.py guards every place.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextvars import Context
from importlib import import_module
from pathlib import Path
from typing import Protocol, TypedDict, runtime_checkable

from granian.http import HTTP1Settings
from hansa_http.turn_away import turn_away

from .head import Scope

# its types say something else than it does
_inside = import_module("granian._granian")

TLS = "tls1.2"
"""The lowest version that is spoken."""


class Piece(TypedDict):
    """A piece of a body: http.request, or http.disconnect where the client is gone."""

    type: str
    body: bytes
    more_body: bool


@runtime_checkable
class Later(Protocol):
    """What calls back later."""

    def add_done_callback(
        self, callback: Callable[[Promise], None], context: Context | None
    ) -> None:
        """Call back, in a thread of granian, when it is there."""


class Promise(Later, Protocol):
    """What granian will have later."""

    def __next__(self) -> Promise:
        """Raise StopIteration with it, once it is there."""


class Exchange(Protocol):
    """A request on its connection, and the answer that it waits for."""

    def receive(self) -> Promise:
        """Return the next piece of its body."""

    def send(self, message: dict[str, object]) -> object:
        """Send the head of the answer, or its body."""


class Watcher(Protocol):
    """What granian hands over for each request."""

    scope: Scope
    proto: Exchange

    def done(self) -> None:
        """Let go of the request."""


def value_of(promise: Promise) -> Piece:
    """Return what a promise has, which has called back."""
    try:
        next(promise)
    except StopIteration as found:
        piece: Piece = found.value
        return piece
    raise RuntimeError("granian called back before it had anything")


class _Loop:
    """What granian takes for an event loop: who waits is called at once, where the news is."""

    def call_soon(
        self, callback: Callable[..., object], *arguments: object, context: Context | None = None
    ) -> None:
        """Call."""
        callback(*arguments)

    call_soon_threadsafe = call_soon


class _Scheduler(_inside.CallbackScheduler):  # type: ignore[name-defined, misc]  # not typed
    """Hands each request to a function, in one of granian's threads."""

    __slots__ = ()

    def __init__(self, loop: _Loop, call: Callable[[Watcher], None], *unused: object) -> None:
        super().__init__()
        self._schedule_fn = call  # type: ignore[misc]  # an attribute of its base, which is not typed


class GranianWorker:
    """Serves a listening socket, over TLS with a certificate (PEM, with its key); `call` is given
    each request in one of `threads` threads, and must neither raise nor wait.

    `connection_limit` connections are open at once, others wait in the backlog. A head that is
    larger than `max_header` bytes, or that is not there after `timeout` seconds, ends its
    connection.
    """

    def __init__(
        self,
        listening: socket.socket,
        call: Callable[[Watcher], None],
        *,
        threads: int,
        connection_limit: int,
        max_header: int,
        timeout: int,
        backlog: int,
        certificate: Path | None,
    ) -> None:
        # its log of starts and ends says nothing that Hansa's own does not
        logging.getLogger("_granian").setLevel(logging.WARNING)
        self._ended = threading.Event()
        self._signal = _inside.WorkerSignal()
        self._signal.add_cb(self._ended.set)
        self._descriptor = os.dup(listening.fileno())  # granian closes it at its end
        pem = None if certificate is None else str(certificate)
        worker = _inside.ASGIWorker(
            1,
            (None, _inside.SocketHolder(self._descriptor, False, backlog)),
            None,
            1,
            1,
            threads,
            30,
            connection_limit,
            "1",
            HTTP1Settings(
                header_read_timeout=timeout * 1000, max_buffer_size=max(max_header, 8192)
            ),
            None,
            False,
            None,
            pem is not None,
            pem,
            pem,
            None,
            TLS,
            None,
            [],
            False,
            (None, None),
        )
        loop = _Loop()
        worker.serve_async(_Scheduler(loop, call, None, None, None), loop, self._signal)
        self._worker = worker
        self._accepts = True

    def accept_no_more(self) -> None:
        """Leave new connections to others; those that are open go on.

        Granian itself would close them at once. It is given a socket to accept from on which nobody
        calls.
        """
        if not self._accepts:
            return
        self._accepts = False
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            nobody.listen(1)
            nobody.setblocking(False)
            turn_away(nobody)
            os.dup2(nobody.fileno(), self._descriptor, inheritable=False)

    def end(self, limit: float) -> bool:
        """Close connections that are idle, answer what is asked on the others; whether all are
        closed within `limit` seconds.
        """
        self._signal.set()
        return self._ended.wait(limit)
