"""The outgoing connection cassandra: statements of a cluster, by name or text."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hansa import Outgoing, Unavailable
from hansa_connect.login import LoggedIn

from .settings import CassandraSettings, Consistency, SerialConsistency
from .statements import Batch, Options, Page, Statements

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from .calls import Calls
    from .client import Client

_ABOUT = "SELECT cluster_name, release_version FROM system.local WHERE key = 'local'"


class CassandraOutgoing(Statements, LoggedIn[CassandraSettings], Outgoing[CassandraSettings]):
    """A cluster, as `self.outgoing.cassandra["name"]`; safe in many threads.

    `session` is that of the driver, for everything else. A process that is forked off after `start`
    cannot use it.
    """

    type = "cassandra"
    login_means = ("password", "certificate")

    _client: Client | None = None
    _calls: Calls | None = None

    def start(self) -> None:
        """Reach a node and prepare the statements of the settings.

        Raises `Unavailable`, `TimedOut`, and `Invalid` for statements that Cassandra refuses.
        """
        # a worker that does without Cassandra saves the memory of the driver
        from .calls import Calls
        from .client import Client

        self.timeout = self.config.timeout
        self.max_rows = self.config.max_rows
        self._client = Client(self.connection_config, self.what, self.lost)
        session = self._client.connect()
        self._calls = Calls(session, self.config, self.what)

    def stop(self) -> None:
        """Close the connections to all nodes."""
        if self._client is not None:
            self._client.close()

    def ping(self) -> str:
        """Have a node answer, and return which cluster it is of and how long it took.

        Raises `Unavailable` or `TimedOut`.
        """
        began = time.perf_counter()
        [about] = self.fetch(_ABOUT, {}, Options(consistency="one")).rows
        milliseconds = (time.perf_counter() - began) * 1000
        assert self._client is not None
        up, known = self._client.nodes()
        return (
            f"cluster {about['cluster_name']!r}, Cassandra {about['release_version']}, "
            f"{up} of {known} nodes up, answered in {milliseconds:.1f} ms"
        )

    @property
    def what(self) -> str:
        """What errors call this connection: `outgoing cassandra 'shop'`."""
        return f"{self.kind} {self.type} {self.name!r}"

    @property
    def calls(self) -> Calls:
        """What carries calls out; raises `Unavailable` before `start`."""
        if self._calls is None:
            raise Unavailable(f"{self.what} is not started")
        return self._calls

    @property
    def session(self) -> Session:
        """The driver's session; raises `Unavailable` before `start`, and in a forked process."""
        self.calls.check_process()
        return self.calls.session

    def with_options(
        self,
        *,
        timeout: float | None = None,
        consistency: Consistency | None = None,
        serial_consistency: SerialConsistency | None = None,
        page_size: int | None = None,
        idempotent: bool | None = None,
    ) -> Statements:
        """Return the same calls with other limits and consistency levels than the settings'.

        Other nodes are asked again for what is `idempotent` when one breaks off, by default only
        for SELECT.
        """
        return Changed(
            self, Options(timeout, consistency, serial_consistency, page_size, idempotent)
        )

    def fetch(
        self,
        statement: str,
        parameters: Mapping[str, object],
        options: Options,
        state: bytes = b"",
        size: int = 0,
    ) -> Page:
        """Run a statement, and return the first page, or the one after a state."""
        with self.observed():
            return self.calls.fetch(statement, parameters, options, state, size)

    def fetch_batch(
        self, statements: Sequence[tuple[str, Mapping[str, object]]], kind: Batch, options: Options
    ) -> Page:
        """Run a batch, and return what it answers."""
        with self.observed():
            return self.calls.batch(statements, kind, options)


class Changed(Statements):
    """The statements of a connection, with other options."""

    def __init__(self, connection: CassandraOutgoing, options: Options) -> None:
        self.options = options
        self.timeout = connection.timeout
        self.max_rows = connection.max_rows
        self.fetch = connection.fetch  # type: ignore[method-assign] # the connection carries them out
        self.fetch_batch = connection.fetch_batch  # type: ignore[method-assign] # likewise
