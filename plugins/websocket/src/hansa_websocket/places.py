"""How many connections there may be: each takes a place from its first byte on, not once it is open."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection

REFUSED_AT_ONCE = 100
"""Connections without a place that get their answer at the same time; further ones get none."""


class Places:
    """Counts the connections of one channel; used in its loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[ServerConnection] = set()
        self._refused: set[ServerConnection] = set()

    def take(self, connection: ServerConnection) -> bool:
        """Return whether a connection may begin at all, with a place or to be told that it has none."""
        if len(self._taken) < self._most:
            self._taken.add(connection)
        elif len(self._refused) < REFUSED_AT_ONCE:
            self._refused.add(connection)
        else:
            return False
        return True

    def has(self, connection: ServerConnection) -> bool:
        """Return whether a connection has a place."""
        return connection in self._taken

    def leave(self, connection: ServerConnection) -> None:
        """Note that a connection has ended; may be called more than once."""
        self._taken.discard(connection)
        self._refused.discard(connection)

    def connection(self, *arguments: Any, **options: Any) -> ServerConnection:
        """Make a connection that is counted; the arguments are those of the library."""
        return _Counted(self, *arguments, **options)


class _Counted(ServerConnection):
    """A connection that takes a place while it is open, its handshake included."""

    def __init__(self, places: Places, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._places = places

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, or none; called by asyncio."""
        super().connection_made(transport)
        if not self._places.take(self):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place; called by asyncio."""
        self._places.leave(self)
        super().connection_lost(exc)
