"""The tallies of a cluster without a Redis: in its operational database (ODB).

Each slot is a journal that holds one record, which is replaced. Slots take turns with their
journals, so that what is too old is written over, and their number does not grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from hansa import Journal, JournalRecord
from hansa_admin.writable import write_kept

from .slots import Slot
from .store import Batch, Store, Total
from .tally import Table, Tally, key_of, merge_tables, series_of

ALL_BEFORE = 2**31 - 1
"""The number up to which records are dropped when another one is added: all that are there."""
FIRST = "stats.first"
"""The journal that has the number of the first minute which was ever counted."""
WRITERS_KEPT = 200
"""How many writers of a minute are known by what they have added to it."""


class Document(msgspec.Struct, omit_defaults=True):
    """The text of a record: the number of the slot, the tallies by the key of their series, and the
    last batch of each writer.
    """

    slot: int = 0
    tallies: dict[str, Tally] = {}
    writers: dict[str, int] = {}

    def table(self) -> Table:
        """Return the tallies by series."""
        found = {series_of(key): tally for key, tally in self.tallies.items()}
        return {series: tally for series, tally in found.items() if series is not None}


class OdbStore(Store):
    """The tallies of a cluster in its ODB, by the journals of a server."""

    def __init__(self, journal: Callable[[str], Journal]) -> None:
        self._journal = journal
        self._first = 0

    def add(self, batch: Batch) -> None:
        """Merge a batch into its minute, in one transaction."""
        minute = batch.minute

        def compose(number: int, last: JournalRecord | None) -> str:
            kept = _document(last)
            if kept is None or kept.slot != minute.number:
                kept = Document(minute.number)
            if kept.writers.get(batch.writer, 0) < batch.number:
                table = kept.table()
                merge_tables(table, batch.table)
                others = {name: n for name, n in kept.writers.items() if name != batch.writer}
                newest = dict(list(others.items())[1 - WRITERS_KEPT :])
                writers = {**newest, batch.writer: batch.number}
                kept = Document(minute.number, _by_key(table), writers)
            return _text(kept)

        self._journal(_name(minute)).append(compose, drop_through=ALL_BEFORE)
        if not self.first():
            self._keep_first(minute)

    def put(self, slot: Slot, table: Table) -> None:
        """Keep the tallies of an hour or a day."""
        self._replace(_name(slot), Document(slot.number, _by_key(table)))

    def read(self, slots: Iterable[Slot]) -> dict[Slot, Table]:
        """Return the tallies of slots, one after the other."""
        found: dict[Slot, Table] = {}
        for slot in slots:
            kept = self._read(_name(slot))
            if kept is not None and kept.slot == slot.number:
                found[slot] = kept.table()
        return found

    def first(self) -> int:
        """Return the number of the first minute that was ever counted; 0 if none was."""
        if not self._first:
            kept = self._read(FIRST)
            self._first = 0 if kept is None else kept.slot
        return self._first

    def total(self) -> Total:
        """Return the tallies of everything, as they were last kept."""
        kept = self._read("stats.total") or Document()
        return Total(kept.slot, kept.table())

    def put_total(self, total: Total) -> None:
        """Keep the tallies of everything."""
        self._replace("stats.total", Document(total.through, _by_key(total.table)))

    def _keep_first(self, minute: Slot) -> None:
        """Keep the number of the first minute, unless another worker has just kept one."""

        def compose(number: int, last: JournalRecord | None) -> str:
            return _text(Document(minute.number)) if last is None else last.text

        self._journal(FIRST).append(compose, drop_through=ALL_BEFORE)

    def _read(self, name: str) -> Document | None:
        records = self._journal(name).read_back(limit=1)
        return _document(records[0]) if records else None

    def _replace(self, name: str, document: Document) -> None:
        text = _text(document)
        self._journal(name).append(lambda number, last: text, drop_through=ALL_BEFORE)


def _name(slot: Slot) -> str:
    return f"stats.{slot.step.name}.{slot.number % slot.step.number_kept}"


def _document(record: JournalRecord | None) -> Document | None:
    return None if record is None else msgspec.json.decode(record.text, type=Document)


def _text(document: Document) -> str:
    return write_kept(document).decode()


def _by_key(table: Table) -> dict[str, Tally]:
    return {key_of(series): tally for series, tally in table.items()}
