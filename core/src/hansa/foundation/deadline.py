"""Deadlines: how long in all what a thread, or a task of an event loop, does may take, whatever it
waits for on the way.

Time-outs of libraries count anew with each step and each byte, so a peer that sends one byte at a
time is never too late for them. A call opens a deadline, and every wait inside takes only what is
left of it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

from .errors import TimedOut

T = TypeVar("T")

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""What `socket.connect` takes: host and port, for IPv6 with flow information and scope."""
AddressInfo: TypeAlias = tuple[int, int, int, str, SocketAddress]
"""One address of a host, as `socket.getaddrinfo` returns it: family, kind, protocol, canonical
name, address.
"""

_ends: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Limit what is done inside the block, in this thread, to these seconds in all; None sets no
    limit.

    Of nested deadlines the innermost counts.
    """
    before = _ends.get()
    _ends.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.set(before)


def time_left(at_most: float | None = None) -> float | None:
    """Return the seconds until the deadline of this thread, 0.0 once it has passed, and at most
    `at_most`; None without either.
    """
    ends = _ends.get()
    if ends is None:
        return at_most
    left = max(0.0, ends - time.monotonic())
    return left if at_most is None else min(left, at_most)


def call_within(
    seconds: float | None, what: str, call: Callable[[], T], discard: Callable[[T], object]
) -> T:
    """Return what `call` returns, or raise what it raises.

    Raises `TimedOut` if it takes longer than `seconds`; None sets no limit. An answer that comes
    too late goes to `discard`, to be closed. The call has a thread of its own, which may outlive
    this function: use it for rare calls, such as connecting, where a library's own time-out leaves
    something out (the look-up of the name, the greeting of the server).
    """
    future: Future[T] = Future()
    arguments = (future, call, discard)
    threading.Thread(target=_run, args=arguments, name=what, daemon=True).start()
    wait([future], seconds)
    if future.cancel():
        raise TimedOut(f"{what}: no answer within {seconds:.3g} s")
    return future.result()


def _run(future: Future[T], call: Callable[[], T], discard: Callable[[T], object]) -> None:
    # the future stays pending while the call runs, so that it can be cancelled until it answers
    try:
        answer = call()
    except BaseException as error:
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
        return
    if future.set_running_or_notify_cancel():
        future.set_result(answer)
    else:
        discard(answer)


def look_up_host(
    host: str, port: int, *, family: int = 0, timeout: float | None = None
) -> list[AddressInfo]:
    """Return the addresses of a host for TCP; the system's resolver has no time-out of its own.

    `family` is AF_INET or AF_INET6, 0 for both. Raises `TimedOut` after `timeout` seconds or at the
    deadline, OSError for an unknown name, UnicodeError for what cannot be a name.
    """

    def ask() -> list[AddressInfo]:
        return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))

    return call_within(time_left(timeout), f"the look-up of {host}", ask, _drop)


def _drop(answer: object) -> None:
    """Drop an answer that nothing needs to be done with."""
