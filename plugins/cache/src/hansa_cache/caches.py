"""`self.cache` of services: the caches by name, with their settings as they are now."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from hansa import HansaError, Server, Unavailable, Undefined

from .settings import CacheSettings

if TYPE_CHECKING:
    from .cache import Cache
    from .redis_store import RedisCaches
    from .store import CacheStore

DEFAULT = "default"
"""The cache that is always there; a definition of this name gives it settings."""


class Caches:
    """The caches of a worker: `self.cache["rates"]`, or `self.cache.rates`.

    `self.cache.default` is always there. They are kept in the cluster's Redis; without Redis, in
    files of each server, which its workers share. Raises `Undefined` for a cache that is not
    defined, and `Unavailable` for one that is out of service.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._settings: dict[str, tuple[object, CacheSettings]] = {}
        self._opened: dict[str, Cache] = {}
        self._redis: RedisCaches | None = None

    def __getitem__(self, name: str) -> Cache:
        opened = self._opened.get(name)
        return self._open(name) if opened is None else opened

    def __getattr__(self, name: str) -> Cache:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except Undefined as error:
            raise AttributeError(error.detail) from None

    def names(self) -> list[str]:
        """Return the names of all caches that are in service, sorted."""
        named = set(self._settings)
        if self._server.objects.state("data", "cache", DEFAULT) is None:
            named.add(DEFAULT)
        return sorted(named)

    def all(self) -> list[Cache]:
        """Return all caches that are in service, by name; not one that is deleted meanwhile."""
        found: list[Cache] = []
        for name in self.names():
            with contextlib.suppress(Undefined):
                found.append(self[name])
        return found

    def put(self, owner: object, name: str, config: CacheSettings) -> None:
        """Have settings count, in place of those of another owner."""
        with self._lock:
            self._settings = {**self._settings, name: (owner, config)}
            self._forget(name)

    def drop(self, owner: object, name: str) -> bool:
        """Have settings count no more; false if another owner took its place."""
        with self._lock:
            found = self._settings.get(name)
            if found is None or found[0] is not owner:
                return False
            kept = {key: one for key, one in self._settings.items() if key != name}
            self._settings = kept
            self._forget(name)
            return True

    def erase(self, name: str) -> None:
        """Delete the entries of a cache whose definition is gone."""
        store = self._store(name)
        try:
            store.clear()
        finally:
            store.close()

    def close(self) -> None:
        """Let go of what was opened."""
        with self._lock:
            for name in list(self._opened):
                self._forget(name)
            if self._redis is not None:
                self._redis.client.close()
                self._redis = None

    def _forget(self, name: str) -> None:
        opened = self._opened.pop(name, None)
        if opened is not None:
            opened.store.close()

    def _open(self, name: str) -> Cache:
        from .cache import Cache

        with self._lock:
            opened = self._opened.get(name)
            if opened is None:
                config = self._config(name)
                opened = self._opened[name] = Cache(name, config, self._store(name))
            return opened

    def _config(self, name: str) -> CacheSettings:
        found = self._settings.get(name)
        if found is not None:
            return found[1]
        state = self._server.objects.state("data", "cache", name)
        if state is not None:
            raise Unavailable(f"the cache {name!r} is {state.state}")
        if name == DEFAULT:
            return CacheSettings()
        raise Undefined(f"no cache is named {name!r}: define data cache {name!r}")

    def _store(self, name: str) -> CacheStore:
        address = self._server.bus.address
        if address is None:
            from .file_store import FileStore

            return FileStore(self._server.dir / "cache", name)
        from .redis_store import RedisCaches, RedisStore

        if self._redis is None:
            self._redis = RedisCaches(self._server.bus, address)
        return RedisStore(self._redis, name)


def erase_quietly(caches: Caches, name: str, server: Server) -> None:
    """Delete the entries of a cache whose definition is gone; a failure is logged."""
    try:
        caches.erase(name)
    except HansaError as error:
        server.log.warning("the entries of the cache %s were not deleted: %s", name, error)
