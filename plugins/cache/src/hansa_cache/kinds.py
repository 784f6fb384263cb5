"""The type `data cache`."""

from __future__ import annotations

from hansa import Definition

from .caches import Caches
from .settings import CacheSettings

KIND = "data"


class CacheDefinition(Definition[CacheSettings]):
    """A cache that services use as `self.cache["name"]`."""

    kind = KIND
    type = "cache"

    def start(self) -> None:
        """Have its settings count in this worker."""
        self.server.resource(Caches).put(self, self.name, self.config)

    def withdrawn(self) -> None:
        """Have them count no more, unless another definition took its place."""
        self.server.resource(Caches).drop(self, self.name)

    def ping(self) -> str:
        """Return how many entries it has."""
        return f"{self.server.resource(Caches)[self.name].status().items} entries"
