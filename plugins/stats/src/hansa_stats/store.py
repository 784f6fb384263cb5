"""Where the tallies of a cluster are kept, and merged: see `redis_store` and `odb_store`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from .slots import Slot
from .tally import Table


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker adds to a minute at once: `writer` is unique to its process, `number` counts
    its batches from 1.
    """

    minute: Slot
    writer: str
    number: int
    table: Table


@dataclass(frozen=True, slots=True)
class Total:
    """The tallies of everything through a minute, by its number; of nothing if that is 0."""

    through: int
    table: Table


class Store(Protocol):
    """The tallies of a cluster. Its methods raise what keeps them from being done."""

    def add(self, batch: Batch) -> None:
        """Merge a batch into its minute; one that is added again is not counted again."""

    def put(self, slot: Slot, table: Table) -> None:
        """Keep the tallies of an hour or a day, in place of what was kept of it."""

    def read(self, slots: Iterable[Slot]) -> dict[Slot, Table]:
        """Return the tallies of those of these slots of which any are kept."""

    def first(self) -> int:
        """Return the number of the first minute that was ever counted; 0 if none was."""

    def total(self) -> Total:
        """Return the tallies of everything that was ever counted, as they were last kept."""

    def put_total(self, total: Total) -> None:
        """Keep the tallies of everything."""
