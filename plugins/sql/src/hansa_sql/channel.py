"""The channel sql: polls a query, whose rows are messages."""

from __future__ import annotations

from hansa import Invalid
from hansa_connect.marks import Mark
from hansa_connect.records import Record, RecordsChannel

from .outgoing import SqlOutgoing
from .settings import QuerySettings
from .statements import prepared


class SqlChannel(RecordsChannel[QuerySettings]):
    """Polls a query of a database.

    The service gets a row as plain data, by name of column, or with the setting `batch` a list of
    rows.
    """

    type = "sql"

    def connect(self) -> None:
        """See that the database is there, and find out how far the query was read."""
        database = self._database()
        database.ping()
        self.ordered = self.config.uses_mark(database.engine.dialect.name)
        super().connect()

    def fetch(self, mark: Mark) -> list[Record]:
        """Return the rows after the mark."""
        return self._database().rows(
            self.config.query, self._parameters(mark), self.config.max_records
        )

    def _parameters(self, mark: Mark) -> dict[str, Mark]:
        if not self.ordered:
            return {}
        names = self.config.mark_parameters
        parts = mark if isinstance(mark, tuple) else (mark,)
        if len(parts) != len(names):
            fault = (
                f"has {len(names)} columns, and the channel has read on by {len(parts)}:"
                " a channel of another name begins anew"
            )
            raise Invalid({"mark": fault})
        return dict(zip(names, parts, strict=True))

    def report(self, records: list[Record], handled: bool) -> None:
        """Run the statement for rows that were handled, or that were given up."""
        statement = self.config.on_success if handled else self.config.on_failure
        if not statement:
            return
        database = self._database()
        columns = prepared(statement, database.engine.dialect.name).parameters
        with database.transaction() as transaction:
            for row in records:
                values = {name: row[name] for name in columns & row.keys()}
                transaction.execute(statement, **values)

    def _database(self) -> SqlOutgoing:
        found: SqlOutgoing = self.server.outgoing.sql[self.config.connection]
        return found
