"""The steps of a cluster without a Redis: in a journal of its operational database (ODB)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec
from hansa import Journal, JournalRecord
from hansa_admin.writable import write_kept

from .hop import Batch
from .store import Store

PART = 50
"""Records that are read at once."""
EVERY = 60.0
"""Seconds between two times at which what is too old or too much is dropped."""


class Heading(msgspec.Struct):
    """What a record begins with: when it was added, and the number of steps up to its end."""

    at: float
    total: int


class OdbStore(Store):
    """The steps of a cluster in a journal; `clock` returns seconds of the Unix epoch."""

    def __init__(
        self,
        journal: Journal,
        seconds: float,
        most: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._pruned_at = -EVERY

    def add(self, batch: Batch) -> None:
        """Keep a batch, in one transaction."""
        text = write_kept(batch).decode()
        now = self._clock()

        def compose(number: int, last: JournalRecord | None) -> str:
            total = len(batch.steps)
            if last is not None:
                total += heading_of(last).total
            return f"{msgspec.json.encode(Heading(now, total)).decode()}\n{text}"

        drop_through = 0
        if now - self._pruned_at >= EVERY:
            drop_through = self._last_to_drop(now, len(batch.steps))
            self._pruned_at = now
        self._journal.append(compose, drop_through=drop_through)

    def texts(self) -> Iterator[str]:
        """Yield the batches, the newest first."""
        before = 0
        while records := self._journal.read_back(before=before, limit=PART):
            for record in records:
                yield record.text.partition("\n")[2]
            before = records[-1].number
            if before <= 1:
                return

    def _last_to_drop(self, now: float, added: int) -> int:
        """Return the number of the last record that is too old or too much with those added, by
        bisection; 0 if there is none.
        """
        newest = self._journal.read_back(limit=1)
        oldest = self._journal.read(limit=1)
        if not newest or not oldest:
            return 0
        spare = heading_of(newest[0]).total + added - self._most
        low = oldest[0].number - 1
        high = newest[0].number
        while low < high:
            middle = (low + high + 1) // 2
            records = self._journal.read(after=middle - 1, limit=1)
            heading = heading_of(records[0]) if records else None
            if heading is None or heading.total <= spare or heading.at <= now - self._seconds:
                low = middle
            else:
                high = middle - 1
        return low


def heading_of(record: JournalRecord) -> Heading:
    """Return what a record begins with."""
    return msgspec.json.decode(record.text.partition("\n")[0], type=Heading)
