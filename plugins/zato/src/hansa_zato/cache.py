"""`self.cache` as services of the Zato dialect use it, over the caches of hansa-cache."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from hansa import NotFound, Undefined

from .bunch import Bunch
from .payloads import PlainDict, Value

if TYPE_CHECKING:
    from hansa import Server
    from hansa_cache.cache import Cache
    from hansa_cache.caches import Caches
    from hansa_cache.entries import CacheEntry
    from hansa_cache.matching import Variant

VARIANTS: Final[dict[str, Variant]] = {
    "by_prefix": "prefix",
    "by_suffix": "suffix",
    "by_regex": "regex",
    "contains": "contains",
    "not_contains": "not_contains",
    "contains_all": "contains_all",
    "contains_any": "contains_any",
}
"""How methods about many keys end, such as `get_by_prefix`, and the variants of hansa-cache."""
Wanted = str | Sequence[str]


class ZatoCache:
    """One cache, with the names and the order of arguments of Zato; an expiry of 0 is the default
    of the cache.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def get(self, key: str, default: Value = None, details: bool = False) -> Value:
        """Return a value, or the default; with `details` what is known of the entry."""
        found = self._cache.entry(key)
        if found is None:
            return default
        return details_of(found) if details else found.value

    def set(self, key: str, value: Value, expiry: float = 0.0, details: bool = False) -> Value:
        """Keep a value; returns the previous one, or None."""
        previous = self.get(key, None, details)
        self._cache.set(key, value, expiry or None)
        return previous

    def delete(self, key: str) -> Value:
        """Delete an entry; returns its value. Raises KeyError if there is none."""
        previous = self._cache.get(key)
        if not self._cache.delete(key):
            raise KeyError(key)
        return previous

    def expire(self, key: str, expiry: float) -> bool:
        """Let an entry expire after that many seconds; whether there is one."""
        return self._cache.expire(key, expiry)

    def keys(self) -> list[str]:
        """Return all keys."""
        return self._cache.keys()

    def values(self) -> list[Value]:
        """Return all values."""
        return list(self._cache.items().values())

    def items(self) -> list[tuple[str, Value]]:
        """Return all keys with their values."""
        return list(self._cache.items().items())

    def iterkeys(self) -> Iterator[str]:
        """Return all keys, one by one."""
        return iter(self.keys())

    def itervalues(self) -> Iterator[Value]:
        """Return all values, one by one."""
        return iter(self.values())

    def iteritems(self) -> Iterator[tuple[str, Value]]:
        """Return all keys with their values, one by one."""
        return iter(self.items())

    def clear(self) -> None:
        """Delete all entries."""
        self._cache.clear()

    def get_many(self, variant: Variant, key: Wanted) -> PlainDict:
        """Return the values whose keys match."""
        return dict(self._cache.get_many(variant, key))

    def set_many(
        self,
        variant: Variant,
        key: Wanted,
        value: Value,
        expiry: float = 0.0,
        return_found: bool = False,
    ) -> PlainDict | None:
        """Keep one value under all keys that match; with `return_found`, returns those before."""
        found = self.get_many(variant, key) if return_found else None
        self._cache.set_many(variant, key, value, expiry or None)
        return found

    def delete_many(
        self, variant: Variant, key: Wanted, return_found: bool = False
    ) -> PlainDict | None:
        """Delete all entries whose keys match; with `return_found`, returns them."""
        found = self.get_many(variant, key) if return_found else None
        self._cache.delete_many(variant, key)
        return found

    def expire_many(
        self, variant: Variant, key: Wanted, expiry: float = 0.0, return_found: bool = False
    ) -> PlainDict | None:
        """Let all entries whose keys match expire; with `return_found`, returns them."""
        self._cache.expire_many(variant, key, expiry)
        return self.get_many(variant, key) if return_found else None

    def __getattr__(self, name: str) -> Callable[..., PlainDict | None]:
        """Return `get_by_prefix`, `delete_contains_any` and so on."""
        operation, _, ending = name.partition("_")
        if operation in ("get", "set", "delete", "expire") and ending in VARIANTS:
            return partial(getattr(self, f"{operation}_many"), VARIANTS[ending])
        raise AttributeError(f"a cache has no attribute {name!r}")

    def __getitem__(self, key: str) -> Value:
        return self._cache[key]

    def __setitem__(self, key: str, value: Value) -> None:
        self._cache[key] = value

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        return key in self._cache

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._cache)

    def __bool__(self) -> bool:
        return True


class NamedCaches:
    """The caches of one kind, by name."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def __getitem__(self, name: str) -> ZatoCache:
        try:
            return ZatoCache(self._caches[name])
        except Undefined as error:
            raise KeyError(error.detail) from None

    def __getattr__(self, name: str) -> ZatoCache:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(str(error)) from None

    def get(self, name: str, default: Value = None) -> Value:
        """Return a cache, or the default."""
        try:
            return self[name]
        except KeyError:
            return default


class CacheAPI:
    """`self.cache`: `default`, others by name, and what the default one has."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def default(self) -> ZatoCache:
        """The default cache."""
        return self.builtin["default"]

    @property
    def builtin(self) -> NamedCaches:
        """The caches by name; raises `Undefined` where the plugin cache is not loaded."""
        try:
            caches = self._server.registry.attribute("cache")
        except NotFound:
            raise Undefined("self.cache needs the plugin cache") from None
        return NamedCaches(cast("Caches", caches))

    memcached = builtin
    """Caches that were in Memcached are here, too."""

    def get_cache(self, cache_type: str, name: str) -> ZatoCache:
        """Return a cache by its name, of whichever type it was; raises KeyError."""
        return self.builtin[name]

    def __getattr__(self, name: str) -> Value:
        """Return what the default cache has: `self.cache.get` is `self.cache.default.get`."""
        return getattr(self.default, name)


def details_of(entry: CacheEntry) -> Bunch:
    """Return what is known of an entry: Zato's times of use and its counts are None."""
    left = None
    if entry.expires is not None:
        now = datetime.datetime.now(datetime.UTC).timestamp()
        left = max(0.0, entry.expires - now)
    names = ("last_read", "prev_read", "last_write", "prev_write", "hits", "position")
    known = {
        "key": entry.key,
        "value": entry.value,
        "expiry": left,
        "expires_at": entry.expires,
    }
    return Bunch({**known, **dict.fromkeys(names)})
