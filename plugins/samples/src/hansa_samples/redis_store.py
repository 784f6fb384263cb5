"""The samples of a cluster in its Redis: the index is one value, their texts are a hash."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import cast

from hansa import Bus, Unavailable
from redis import Redis, WatchError

from .index import Changed, Index, read_index, write_index

ATTEMPTS = 50
"""How often a change is tried while other workers make theirs."""


class RedisStore:
    """The samples of a cluster in its Redis."""

    most_at_once = 200

    def __init__(self, client: Redis, bus: Bus) -> None:
        self._client = client
        self._index = bus.key("samples", "index")
        self._texts = bus.key("samples", "texts")

    def change(self, change: Callable[[Index], Changed]) -> None:
        """Change the index and the texts, in one transaction that no other change is between."""
        for _ in range(ATTEMPTS):
            try:
                self._try_to_change(change)
            except WatchError:
                continue
            return
        raise Unavailable("the samples of others are being kept at the moment")

    def _try_to_change(self, change: Callable[[Index], Changed]) -> None:
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.watch(self._index)  # type: ignore[no-untyped-call]  # redis-py does not type it
            text = cast(str | None, pipeline.get(self._index))
            changed = change(read_index(text))
            pipeline.multi()
            pipeline.set(self._index, write_index(changed.index))
            if changed.emptied:
                pipeline.hdel(self._texts, *map(str, changed.emptied))
            if changed.texts:
                texts = [(str(slot), text) for slot, text in changed.texts.items()]
                pipeline.hset(self._texts, items=list(chain.from_iterable(texts)))
            pipeline.execute()

    def index(self) -> Index:
        """Return the index."""
        return read_index(cast(str | None, self._client.get(self._index)))

    def text(self, slot: int) -> str | None:
        """Return the text in a slot; None if it is empty."""
        return cast(str | None, self._client.hget(self._texts, str(slot)))
