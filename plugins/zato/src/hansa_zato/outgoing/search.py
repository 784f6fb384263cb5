"""`self.search` as services of the Zato dialect use it, over hansa-search: the engines' clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..payloads import Value
from .connections import Connections
from .entry import Entry, OpenConnection

if TYPE_CHECKING:
    from hansa import Server


class LiveEngine(Protocol):
    """What is needed of Hansa's connection to a search engine."""

    @property
    def client(self) -> Value:
        """The engine's own client."""


class SolrConnection(OpenConnection[LiveEngine]):
    """`client()`, and what Hansa's own connection offers: `search`, `add`, `delete`."""

    @contextmanager
    def client(self) -> Iterator[Value]:
        """Lend the client of pysolr for a block; Hansa's connection keeps the pool."""
        yield self._live().client


def elasticsearch_client(entry: Entry) -> Value:
    """Return the client of Elasticsearch."""
    return entry.live().client


class Search:
    """`self.search`: the engines of each kind, by name."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def es(self) -> Connections:
        """Those of Elasticsearch."""
        return Connections(self._server, "elasticsearch", elasticsearch_client)

    @property
    def solr(self) -> Connections:
        """Those of Solr."""
        return Connections(self._server, "solr", SolrConnection)
