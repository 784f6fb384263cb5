"""The admin services of entries: `admin.cache.{status,list,get,set,delete,clear}`."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from hansa import Invalid, Model, NotFound, Undefined, setting
from hansa_admin.operation import Operation

from .cache import Cache
from .caches import DEFAULT, Caches
from .matching import LONGEST_PATTERN, MOST_TEXTS, Variant
from .settings import LONGEST_EXPIRY, LONGEST_KEY


class AskedCache(Model):
    """Which cache is meant."""

    cache: Annotated[str, setting("Name of the cache", example="rates", min_length=1)] = DEFAULT


class AskedKey(AskedCache):
    """Which entry is meant."""

    key: Annotated[
        str, setting("Key of the entry", example="USD", min_length=1, max_length=LONGEST_KEY)
    ]


class AskedKeys(AskedCache):
    """Which keys are meant: all, or those that match."""

    variant: Annotated[
        Variant | None, setting("How keys are compared with `wanted`; without it, all are meant")
    ] = None
    wanted: Annotated[
        list[Annotated[str, setting("A text", max_length=LONGEST_PATTERN)]],
        setting(
            "What keys are compared with: one text, or several for contains_all and contains_any",
            example=["user."],
            max_length=MOST_TEXTS,
        ),
    ] = []

    def check(self) -> None:
        """Refuse texts that nothing is compared with; raises `Invalid`."""
        if bool(self.wanted) != (self.variant is not None):
            raise Invalid({"wanted": "is given together with variant"})


class AskedPage(AskedKeys):
    """Which keys to list."""

    offset: Annotated[int, setting("Number to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number to return", ge=1, le=10_000)] = 100


class WrittenEntry(AskedKey):
    """An entry to be written."""

    value: Annotated[Any, setting("Value as JSON; null where it is given in Base64")] = None
    base64: Annotated[str, setting("Value as bytes, in Base64")] = ""
    expiry: Annotated[
        Annotated[float, setting("Seconds", ge=0, le=LONGEST_EXPIRY)] | None,
        setting("Seconds after which it expires, 0 for never; without it, the cache's default"),
    ] = None

    def check(self) -> None:
        """Refuse an entry with two values, or none; raises `Invalid`."""
        if (self.value is None) != bool(self.base64):
            raise Invalid({"value": "either value or base64 must be given"})


class Keys(Model):
    """A page of keys."""

    items: Annotated[list[str], setting("Keys, sorted")]
    total: Annotated[int, setting("Number of keys on all pages")]


class ReadEntry(Model):
    """An entry."""

    key: Annotated[str, setting("Its key")]
    value: Annotated[Any, setting("Its value; null for bytes")]
    base64: Annotated[str, setting("Its value in Base64, if it is bytes")]
    expires: Annotated[
        float | None, setting("When it expires, in seconds since the epoch; null for never")
    ]


class ListedCache(Model):
    """A cache, and what has been counted since it was made."""

    name: Annotated[str, setting("Its name")]
    items: Annotated[int, setting("Number of its entries")] = 0
    bytes: Annotated[int, setting("Bytes of its keys and values")] = 0
    hits: Annotated[int, setting("How often a value was found")] = 0
    misses: Annotated[int, setting("How often none was found")] = 0
    written: Annotated[int, setting("How often a value was written")] = 0
    expired: Annotated[int, setting("Entries that have expired")] = 0
    evicted: Annotated[int, setting("Entries that had to make room for others")] = 0
    max_items: Annotated[int, setting("Maximum number of entries")] = 0
    max_bytes: Annotated[int, setting("Maximum bytes of keys and values")] = 0


class Listed(Model):
    """All caches."""

    items: Annotated[list[ListedCache], setting("The caches, by name")]


class Removed(Model):
    """What was deleted."""

    deleted: Annotated[int, setting("Number of entries that were deleted")]


class CacheOperation(Operation):
    """An operation on one cache."""

    abstract = True

    def cache(self) -> Cache:
        """Return the cache that is asked for; raises `NotFound`, `Unavailable`."""
        asked: AskedCache = self.request.input
        try:
            return self.server.resource(Caches)[asked.cache]
        except Undefined as error:
            raise NotFound(error.detail) from None

    def keys(self) -> list[str]:
        """Return the keys that are asked for."""
        asked: AskedKeys = self.request.input
        cache = self.cache()
        if asked.variant is None:
            return cache.keys()
        return cache.find_keys(asked.variant, asked.wanted)


class CacheStatusList(Operation):
    """List the caches with their sizes and counts."""

    name = "admin.cache.status"
    right = "view"
    Output = Listed

    def handle(self) -> Listed:
        """Return all caches."""
        return Listed(items=[_listed(one) for one in self.server.resource(Caches).all()])


class CacheList(CacheOperation):
    """List keys of a cache."""

    name = "admin.cache.list"
    right = "view"
    Input = AskedPage
    Output = Keys

    def handle(self) -> Keys:
        """Return a page of keys; raises what `find_keys` does."""
        asked: AskedPage = self.request.input
        keys = self.keys()
        page = keys[asked.offset : asked.offset + asked.limit]
        return Keys(items=page, total=len(keys))


class CacheGet(CacheOperation):
    """Read an entry of a cache."""

    name = "admin.cache.get"
    right = "payloads"
    Input = AskedKey
    Output = ReadEntry

    def handle(self) -> ReadEntry:
        """Return it; raises `NotFound`."""
        asked: AskedKey = self.request.input
        found = self.cache().entry(asked.key)
        if found is None:
            raise NotFound(f"the cache {asked.cache!r} has no entry {asked.key!r}")
        value = found.value
        if not isinstance(value, bytes):
            return ReadEntry(key=found.key, value=value, base64="", expires=found.expires)
        text = base64.b64encode(value).decode()
        return ReadEntry(key=found.key, value=None, base64=text, expires=found.expires)


class CacheSet(CacheOperation):
    """Write an entry of a cache."""

    name = "admin.cache.set"
    right = "operate"
    Input = WrittenEntry

    def handle(self) -> None:
        """Write it; raises `Invalid`, `TooLarge`."""
        asked: WrittenEntry = self.request.input
        value = asked.value
        if asked.base64:
            try:
                value = base64.b64decode(asked.base64, validate=True)
            except (binascii.Error, ValueError):
                raise Invalid({"base64": "is not valid Base64"}) from None
        self.cache().set(asked.key, value, asked.expiry)


class CacheDelete(CacheOperation):
    """Delete an entry of a cache."""

    name = "admin.cache.delete"
    right = "operate"
    Input = AskedKey
    Output = Removed

    def handle(self) -> Removed:
        """Delete it; raises `NotFound`."""
        asked: AskedKey = self.request.input
        if not self.cache().delete(asked.key):
            raise NotFound(f"the cache {asked.cache!r} has no entry {asked.key!r}")
        return Removed(deleted=1)


class CacheClear(CacheOperation):
    """Delete all entries of a cache, or those whose keys match."""

    name = "admin.cache.clear"
    right = "operate"
    Input = AskedKeys
    Output = Removed

    def handle(self) -> Removed:
        """Delete them."""
        asked: AskedKeys = self.request.input
        cache = self.cache()
        if asked.variant is not None:
            return Removed(deleted=len(cache.delete_many(asked.variant, asked.wanted)))
        count = cache.status().items
        cache.clear()
        return Removed(deleted=count)


def _listed(cache: Cache) -> ListedCache:
    status = cache.status()
    return ListedCache(
        name=cache.name,
        items=status.items,
        bytes=status.bytes,
        hits=status.hits,
        misses=status.misses,
        written=status.written,
        expired=status.expired,
        evicted=status.evicted,
        max_items=cache.config.max_items,
        max_bytes=cache.config.max_bytes,
    )


OPERATIONS: tuple[type[Operation], ...] = (
    CacheStatusList,
    CacheList,
    CacheGet,
    CacheSet,
    CacheDelete,
    CacheClear,
)
