"""Connections to a node that other nodes name, which are asked anew for each connection."""

from __future__ import annotations

from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from .address import Place
from .deadline import DeadlineSocket, TcpConnection, remaining
from .untyped import Answer, Option

SOURCE_TIMEOUT = 1.0
"""Seconds that one node gets to answer before the next one is asked."""


class DiscoveredConnection(TcpConnection):
    """A connection to the node that the `sources` (host and port of each) name.

    They are asked in turn, within the deadline of the call. `source_class` is the class of the
    connections to them, `source_options` are its further options.
    """

    source_class: type[TcpConnection] = TcpConnection
    sought = ""
    """What is looked for, as an error names it."""
    source_name = ""
    """What an error calls a source."""

    def __init__(
        self, *, sources: list[Place], source_options: dict[str, str], **options: Option
    ) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._sources = sources
        self._source_options = source_options

    def question(self) -> tuple[str, ...]:
        """Return the command that a source is asked with."""
        raise NotImplementedError

    def find(self, source: str, answer: Answer) -> Place | None:
        """Return the place that the answer of the host `source` names; None if it knows none."""
        raise NotImplementedError

    def _connect(self) -> DeadlineSocket:
        self.host, self.port = self._discover()
        return super()._connect()

    def _discover(self) -> Place:
        """Return where to connect to; raises `ConnectionError` if no source knows it."""
        faults: list[str] = []
        for host, port in self._sources:
            try:
                place = self.find(host, self._ask(host, port))
            except (exceptions.RedisError, OSError) as error:
                faults.append(f"{host}:{port}: {error}")
                continue
            if place is not None:
                return place
            faults.append(f"{host}:{port} knows no {self.sought}")
        raise exceptions.ConnectionError(
            f"no {self.source_name} names a {self.sought}: {'; '.join(faults)}"
        )

    def _ask(self, host: str, port: int) -> Answer:
        seconds = remaining(SOURCE_TIMEOUT)
        source = self.source_class(
            host=host,
            port=port,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            **self._source_options,
        )
        try:
            source.send_command(*self.question())  # type: ignore[no-untyped-call]
            return source.read_response()
        finally:
            source.disconnect()  # type: ignore[no-untyped-call]


def text(word: bytes | str) -> str:
    """Return a word of an answer as text."""
    return word.decode() if isinstance(word, bytes) else word
