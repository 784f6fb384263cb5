"""Statements as services run them: by name or text, with values that are always bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hansa import Invalid, ResultTooLarge, deadline, time_left

from .settings import Consistency, SerialConsistency

if TYPE_CHECKING:
    from .values import Record

Batch: TypeAlias = Literal["logged", "unlogged", "counter"]
MOST_IN_BATCH = 65_535
"""Statements of a batch that the protocol can count."""
APPLIED = "[applied]"
"""The column in which Cassandra says whether the condition of a statement held."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a result; `state` is empty with the last of them."""

    rows: list[Record]
    state: bytes


@dataclass(frozen=True, slots=True)
class Options:
    """How a call differs from the settings; None where it does not."""

    timeout: float | None = None
    consistency: Consistency | None = None
    serial_consistency: SerialConsistency | None = None
    page_size: int | None = None
    idempotent: bool | None = None


class Statements:
    """Runs statements: `one`, `all`, `rows`, `page`, `execute`, `batch`.

    A statement is the name of one of the setting `statements`, or a text in CQL. It names its
    parameters as `:name`, and each call gives exactly these as keywords; `Misused` says which are
    missing or unknown, `Invalid` which do not fit their types, and `Undefined` that there is no
    statement of that name.

    All raise `TimedOut` and `Unavailable`, after which a change may have been made all the same;
    `CassandraFault`, `RemoteForbidden` and `RemoteConflict` for what Cassandra refuses.
    """

    options: Options = Options()
    timeout: float
    max_rows: int

    def one(self, statement: str, /, **parameters: object) -> Record | None:
        """Return the first row, None if there is none."""
        rows = self.fetch(statement, parameters, self.options, size=1).rows
        return rows[0] if rows else None

    def all(self, statement: str, /, **parameters: object) -> list[Record]:
        """Return all rows; raises `ResultTooLarge` for more than the setting `max_rows`.

        `timeout` limits all of it.
        """
        found: list[Record] = []
        state = b""
        with deadline(time_left(self.options.timeout or self.timeout)):
            while True:
                page = self.fetch(statement, parameters, self.options, state)
                found += page.rows
                if len(found) > self.max_rows:
                    fault = f"more than {self.max_rows} rows; ask for fewer, or raise max_rows"
                    raise ResultTooLarge(fault)
                state = page.state
                if not state:
                    return found

    def rows(self, statement: str, /, **parameters: object) -> Iterator[Record]:
        """Return all rows one at a time; `page_size` of them are in memory.

        The next page is fetched when it is needed, each within `timeout`.
        """
        state = b""
        while True:
            page = self.fetch(statement, parameters, self.options, state)
            yield from page.rows
            state = page.state
            if not state:
                return

    def page(self, statement: str, state: bytes = b"", /, **parameters: object) -> Page:
        """Return some rows, and the state with which the same statement goes on after them.

        A state is for the same statement and values alone; take none from a caller without a
        signature, since Cassandra trusts it.
        """
        return self.fetch(statement, parameters, self.options, state)

    def execute(self, statement: str, /, **parameters: object) -> bool:
        """Run a statement that changes something.

        Returns whether it was applied; only one with IF may not be.
        """
        rows = self.fetch(statement, parameters, self.options).rows
        return bool(rows[0].get(APPLIED, True)) if rows else True

    def batch(
        self,
        statements: Sequence[tuple[str, Mapping[str, object]]],
        kind: Batch = "logged",
    ) -> bool:
        """Run several changes in one request, each a statement and its parameters.

        Of a logged batch, all take effect in the end or none; an unlogged one is for a single
        partition, a counter one for counters. Returns whether it was applied, as `execute` does.
        """
        if not statements:
            return True
        if len(statements) > MOST_IN_BATCH:
            fault = f"a batch has at most {MOST_IN_BATCH} statements, this one {len(statements)}"
            raise Invalid(fault)
        rows = self.fetch_batch(statements, kind, self.options).rows
        return bool(rows[0].get(APPLIED, True)) if rows else True

    # -- what carries them out -----------------------------------------------------------------------

    def fetch(
        self,
        statement: str,
        parameters: Mapping[str, object],
        options: Options,
        state: bytes = b"",
        size: int = 0,
    ) -> Page:
        """Run a statement, and return the first page, or the one after a state; `size` are its rows,
        0 as many as options or settings say.
        """
        raise NotImplementedError

    def fetch_batch(
        self, statements: Sequence[tuple[str, Mapping[str, object]]], kind: Batch, options: Options
    ) -> Page:
        """Run a batch, and return what it answers."""
        raise NotImplementedError
