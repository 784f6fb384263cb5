"""Two things that pools ask of a connection's socket, by its number, whatever library holds it."""

from __future__ import annotations

import contextlib
import os
import select
import socket


def silent(number: int) -> bool:
    """Whether there is nothing to read: an idle connection with something to read was closed, or says that it is."""
    polled = select.poll()
    polled.register(number, select.POLLIN)
    return not polled.poll(0)


def shut(number: int) -> None:
    """End it for both sides, from any thread; who waits for it is woken and fails, and who holds it still has to close it."""
    with (
        contextlib.suppress(OSError),
        socket.socket(fileno=os.dup(number)) as ended,
    ):  # it may have ended by itself
        ended.shutdown(socket.SHUT_RDWR)
