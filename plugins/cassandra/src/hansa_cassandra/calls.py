"""Carries out the calls of services with the driver's session, each within its time limit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import TypeAlias

from cassandra.cluster import ResponseFuture, ResultSet, Session
from cassandra.query import BatchStatement, BatchType, BoundStatement
from hansa import HansaError, TimedOut, Unavailable, time_left

from .client import PROFILE, level_of
from .errors import translated
from .prepared import Prepared, bound
from .settings import CassandraSettings
from .statements import Batch, Options, Page
from .values import RawRows, records

GRACE = 1.0
"""Seconds after its limit in which a call is given up even if the driver does not tell."""
_KINDS = {
    "logged": BatchType.LOGGED,
    "unlogged": BatchType.UNLOGGED,
    "counter": BatchType.COUNTER,
}

Told: TypeAlias = "tuple[RawRows | None, BaseException | None]"
"""What the driver tells of a request: its result, or an error."""


class Calls:
    """The calls of one session; `label` is what errors call the connection."""

    def __init__(self, session: Session, config: CassandraSettings, label: str) -> None:
        self.session = session
        self._label = label
        self._timeout = config.timeout
        self._page_size = config.page_size
        self._process = os.getpid()
        self._prepared = Prepared(session, config.statements, label, self._translated)
        self._prepared.prepare_named(config.timeout)

    def check_process(self) -> None:
        """Raise `Unavailable` in a process that was forked off: the event loop is not in it."""
        if os.getpid() != self._process:
            fault = f"{self._label} belongs to process {self._process}, which was forked"
            raise Unavailable(fault)

    def fetch(
        self,
        statement: str,
        parameters: Mapping[str, object],
        options: Options,
        state: bytes,
        size: int,
    ) -> Page:
        """Run a statement, and return a page of at most `size` rows; 0 is the setting's."""
        self.check_process()
        limit = options.timeout or self._timeout
        made = bound(self._prepared.get(statement, limit), parameters)
        made.fetch_size = size or options.page_size or self._page_size
        return self._run(made, options, limit, state)

    def batch(
        self, statements: Sequence[tuple[str, Mapping[str, object]]], kind: Batch, options: Options
    ) -> Page:
        """Run a batch, and return what it answers."""
        self.check_process()
        limit = options.timeout or self._timeout
        batch = BatchStatement(_KINDS[kind])
        for statement, parameters in statements:
            batch.add(bound(self._prepared.get(statement, limit), parameters))
        return self._run(batch, options, limit, b"")

    def _run(self, statement: BoundStatement, options: Options, limit: float, state: bytes) -> Page:
        if options.consistency is not None:
            statement.consistency_level = level_of(options.consistency)
        if options.serial_consistency is not None:
            statement.serial_consistency_level = level_of(options.serial_consistency)
        if options.idempotent is not None:
            statement.is_idempotent = options.idempotent
        left = time_left(limit) or 0.0
        if not left:
            raise TimedOut(f"{self._label}: the deadline of the call has passed")
        try:
            future = self.session.execute_async(statement, None, False, None, left, PROFILE, state)
            found = self._wait(future, left)
        except HansaError:
            raise
        except Exception as error:
            raise self._translated(error, limit) from None
        if found is None:
            return Page([], b"")
        more = ResultSet(future, found).paging_state if future.has_more_pages else b""
        return Page(records(found), more)

    def _wait(self, future: ResponseFuture, left: float) -> RawRows | None:
        """Return what is told of a request.

        The driver's own waiting has no limit, should its event loop have ended.
        """
        told: SimpleQueue[Told] = SimpleQueue()
        future.add_callbacks(
            lambda rows: told.put((rows, None)), lambda error: told.put((None, error))
        )
        try:
            found, error = told.get(timeout=left + GRACE)
        except Empty:
            raise TimedOut(f"{self._label}: no answer within {left:g} s") from None
        if error is not None:
            raise error
        return found

    def _translated(self, error: BaseException, limit: float) -> HansaError:
        return translated(error, self._label, limit)
