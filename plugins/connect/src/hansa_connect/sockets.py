"""TCP connections made within a time limit, and what a pool asks of any library's socket."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time

from hansa import Unavailable

from .remedies import advised, remedy_of

SHORTEST = 0.001
"""Seconds that a call gets at least: a time-out of 0 would mean not to wait at all."""


def is_silent(descriptor: int) -> bool:
    """Return whether a socket has nothing to read.

    An idle connection that has was closed, or is about to be.
    """
    polled = select.poll()
    polled.register(descriptor, select.POLLIN)
    return not polled.poll(0)


def shut_down(descriptor: int) -> None:
    """Shut a connection down in both directions, from any thread; a thread that waits for it fails.

    Its socket still has to be closed by whoever holds it. One that has ended already is left alone.
    """
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ended:
        ended.shutdown(socket.SHUT_RDWR)


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """Return a TCP connection, made within `timeout` seconds for all addresses together.

    Its own time-out is `timeout`, too. Raises `Unavailable` if no address answers.
    """
    ends = time.monotonic() + timeout
    last = OSError("it has no address")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        found = []
        last = error
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(SHORTEST, ends - time.monotonic()))
            connection.connect(address)
            connection.settimeout(timeout)
            return connection
        except OSError as error:
            connection.close()
            last = error
    fault = f"cannot connect to {host}:{port}: {last.strerror or last}"
    raise Unavailable(advised(fault, remedy_of(last))) from last
