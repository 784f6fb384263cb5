"""The journals of a local server: records in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hansa import Journal, JournalRecord


class LocalJournal(Journal):
    """The records of one name; `records` may be looked at, and changed as no journal can be."""

    def __init__(self) -> None:
        self.records: list[JournalRecord] = []
        self._lock = threading.Lock()

    def append(
        self, compose: Callable[[int, JournalRecord | None], str], *, drop_through: int = 0
    ) -> JournalRecord:
        """Add a record, and drop those up to a number."""
        with self._lock:
            last = self.records[-1] if self.records else None
            number = last.number + 1 if last else 1
            record = JournalRecord(number, compose(number, last))
            kept = [one for one in self.records if one.number > drop_through]
            self.records = [*kept, record]
        return record

    def read(self, *, after: int = 0, limit: int = 1000) -> list[JournalRecord]:
        """Return the records after a number, the oldest first."""
        return [one for one in self.records if one.number > after][:limit]

    def read_back(self, *, before: int = 0, limit: int = 1000) -> list[JournalRecord]:
        """Return the records before a number, by default the newest, the newest first."""
        found = [one for one in self.records if not before or one.number < before]
        return found[::-1][:limit]
