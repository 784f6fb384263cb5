"""Where the steps of a cluster are kept: see `redis_store` and `odb_store`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .hop import Batch


class Store(Protocol):
    """The steps of a cluster, bounded by age and number. Its methods raise what keeps them from
    being done.
    """

    def add(self, batch: Batch) -> None:
        """Keep a batch, and drop what is too old or too much; one that is added again is kept once,
        where the store can tell.
        """

    def texts(self) -> Iterator[bytes | str]:
        """Yield the batches that are kept, encoded, the newest first."""
