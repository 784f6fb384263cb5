"""Where samples are kept: in the Redis of the cluster, or where there is none in its operational
database (ODB).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from hansa import Server

from .index import Changed, Index
from .odb_store import OdbStore
from .redis_store import RedisStore

Change: TypeAlias = Callable[[Index], Changed]
"""Returns what becomes of an index; it may be called again, for another attempt."""


class Store(Protocol):
    """The index of the samples of a cluster, and their texts. Methods raise what keeps them from
    being done. `most_at_once` is how many samples one change may add.
    """

    most_at_once: int

    def change(self, change: Change) -> None:
        """Change the index, with no change of another worker in between, and the texts."""

    def index(self) -> Index:
        """Return the index."""

    def text(self, slot: int) -> str | None:
        """Return the text in a slot; None if it is empty."""


def store_of(server: Server) -> Store:
    """Return where the samples of a cluster are kept."""
    client = server.bus.redis
    return OdbStore(server.journal) if client is None else RedisStore(client, server.bus)
