"""Journals in the ODB."""

from __future__ import annotations

from sqlalchemy import Connection, Select, delete, insert, select

from ..contract.journal import Compose, Journal, JournalRecord
from .database import Database
from .engine import guarded
from .tables import cluster, journal


class OdbJournal(Journal):
    """The journal of one name."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    @guarded
    def append(self, compose: Compose, *, drop_through: int = 0) -> JournalRecord:
        """Add a record, and drop those up to a number in the same transaction; raises
        `Unavailable`.
        """
        with self._database.engine.begin() as connection:
            # the row that every change of the ODB begins with: writers stand in one line
            connection.execute(select(cluster.c.id).with_for_update())
            last = self._last(connection)
            number = last.number + 1 if last else 1
            record = JournalRecord(number, compose(number, last))
            connection.execute(
                insert(journal).values(name=self._name, number=number, text=record.text)
            )
            if drop_through:
                of_this_name = journal.c.name == self._name
                old = delete(journal).where(of_this_name, journal.c.number <= drop_through)
                connection.execute(old.where(journal.c.number < number))
        return record

    def read(self, *, after: int = 0, limit: int = 1000) -> list[JournalRecord]:
        """Return the records after a number, the oldest first; raises `Unavailable`."""
        later = self._query().where(journal.c.number > after)
        return self._records(later.order_by(journal.c.number), limit)

    def read_back(self, *, before: int = 0, limit: int = 1000) -> list[JournalRecord]:
        """Return the records before a number, by default the newest, the newest first; raises
        `Unavailable`.
        """
        earlier = self._query()
        if before:
            earlier = earlier.where(journal.c.number < before)
        return self._records(earlier.order_by(journal.c.number.desc()), limit)

    def _query(self) -> Select[tuple[int, str]]:
        return select(journal.c.number, journal.c.text).where(journal.c.name == self._name)

    def _records(self, query: Select[tuple[int, str]], limit: int) -> list[JournalRecord]:
        rows = self._database.rows(query.limit(limit))
        return [JournalRecord(row.number, row.text) for row in rows]

    def _last(self, connection: Connection) -> JournalRecord | None:
        newest = self._query().order_by(journal.c.number.desc()).limit(1)
        row = connection.execute(newest).first()
        return None if row is None else JournalRecord(row.number, row.text)
