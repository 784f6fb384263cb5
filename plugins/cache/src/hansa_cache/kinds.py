"""The type `data cache`."""

from __future__ import annotations

from hansa import Definition

from .caches import Caches, erase_quietly
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
        """Have them count no more, unless another definition took its place; what was kept while it
        was being deleted goes with it.
        """
        caches = self.server.resource(Caches)
        is_dropped = caches.drop(self, self.name)
        if is_dropped and not self.server.definitions.exists(self.kind, self.type, self.name):
            erase_quietly(caches, self.name, self.server)

    def ping(self) -> str:
        """Return how many entries it has."""
        return f"{self.server.resource(Caches)[self.name].status().items} entries"
