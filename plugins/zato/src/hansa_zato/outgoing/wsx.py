"""One outgoing WebSocket connection as services of the Zato dialect use it, over hansa-websocket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from hansa import TimedOut, Unavailable

from ..dialect.exceptions import ConnectionException, TimeoutException
from ..payloads import Value
from .entry import OpenConnection


class LiveWebSocket(Protocol):
    """What is needed of Hansa's connection to a WebSocket server."""

    def send(self, message: str | bytes, timeout: float = 0) -> None:
        """Send a message."""

    def ask(self, message: str | bytes, timeout: float = 0) -> str | bytes:
        """Send a message, and return the next one that comes."""


class WSXConnection(OpenConnection[LiveWebSocket]):
    """Plain messages, without the frames of Zato's own protocol: objects and lists are JSON.

    Its methods raise Inactive, ConnectionException and TimeoutException, and Hansa's `Invalid` for
    what cannot be sent.
    """

    @contextmanager
    def client(self) -> Iterator[WSXConnection]:
        """Lend the connection for a block; Hansa keeps it open."""
        yield self

    def send(self, data: object, timeout: float = 0) -> None:
        """Send a message."""
        live = self._live()
        with _translated():
            live.send(_message(data), timeout)

    def invoke(self, data: object, timeout: float = 0) -> Value:
        """Send a message, and return the next one that comes: what its JSON holds, else as it is."""
        live = self._live()
        with _translated():
            answer = live.ask(_message(data), timeout)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            return answer


@contextmanager
def _translated() -> Iterator[None]:
    """Raise Zato's exceptions for those of Hansa."""
    try:
        yield
    except TimedOut as error:
        raise TimeoutException(None, error.detail) from error
    except Unavailable as error:
        raise ConnectionException(None, error.detail) from error


def _message(data: object) -> str | bytes:
    """Return what is sent."""
    return data if isinstance(data, str | bytes) else json.dumps(data)
