"""The settings of connections to SQL databases, and of channels that poll a query."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, setting
from hansa_connect.login import LoginSettings, OutgoingLogin
from hansa_connect.pooled import PoolSettings
from hansa_connect.records import RecordSettings
from hansa_connect.tls import TlsSettings

from .lexical import DIALECTS
from .statements import prepared


class DatabaseSettings(PoolSettings, TlsSettings, OutgoingLogin, LoginSettings):
    """Database.

    Where a database is, and how to log in; SQLite needs `engine` and `database` only.
    """

    engine: Annotated[
        str,
        setting(
            "postgresql, mysql, mariadb, oracle, sqlite, or another dialect+driver of SQLAlchemy"
        ),
    ]
    database: Annotated[
        str,
        setting(
            "Name of the database; for Oracle of the service, for SQLite a path below the server's"
            " folder"
        ),
    ]
    max_rows: Annotated[
        int, setting("Maximum rows that one call returns; a query with more is refused", ge=1)
    ] = 100_000
    options: Annotated[
        dict[str, str | int | float | bool],
        setting("Further arguments of the database driver", advanced=True),
    ] = {}

    def check(self) -> None:
        """Refuse a login of SQLite, which has none; raises `Invalid`."""
        super().check()
        if self.engine.partition("+")[0] != "sqlite":
            return
        given = {
            "username": self.username,
            "password": self.password is not None,
            "security": self.security,
        }
        fault = "SQLite has no login: a file is opened by who may read it; leave this out"
        faults = {name: fault for name, value in given.items() if value}
        if faults:
            raise Invalid(faults)


class QuerySettings(RecordSettings):
    """Query.

    What is polled, and what becomes of rows.
    """

    connection: Annotated[
        str, setting("Outgoing SQL connection to use", refers="outgoing sql", min_length=1)
    ]
    query: Annotated[
        str,
        setting(
            "Query, oldest rows first; :mark is that of the last row handled, :mark_NAME the part of"
            " column NAME where `mark` names several",
            multiline=True,
        ),
    ]
    on_success: Annotated[
        str,
        setting("Statement for each row that was handled; :NAME is its column", multiline=True),
    ] = ""
    on_failure: Annotated[
        str, setting("Statement for each row that was given up", multiline=True)
    ] = ""

    @property
    def mark_parameters(self) -> list[str]:
        """The parameters of the query that stand for the mark, in the order of its fields."""
        fields = self.mark_fields
        return ["mark"] if len(fields) == 1 else [f"mark_{field}" for field in fields]

    def uses_mark(self, dialect: str) -> bool:
        """Return whether the query, in the SQL of a dialect, reads on from a mark, instead of picking
        rows by what is in them.
        """
        return bool(prepared(self.query, dialect).parameters)

    def check(self) -> None:
        """Refuse a query that would return the same rows for ever, or cannot be run.

        Which database it is for is only known once the connection is, so it is read as each of them
        does. Raises `Invalid`.
        """
        super().check()
        readings = [prepared(self.query, dialect).parameters for dialect in DIALECTS]
        if not any(self._reads_on(parameters) for parameters in readings):
            wanted = ", ".join(f":{name}" for name in self.mark_parameters)
            fault = f"must have {wanted}, or on_success and on_failure be set: else rows come again"
            raise Invalid({"query": fault})

    def _reads_on(self, parameters: frozenset[str]) -> bool:
        """Return whether a query with these parameters does not return the same rows for ever."""
        if parameters:
            return parameters == set(self.mark_parameters)
        return bool(self.on_success and self.on_failure)
