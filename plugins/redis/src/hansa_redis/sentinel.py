"""Connections to the primary that Redis Sentinel names, found anew for each connection."""

from __future__ import annotations

from redis import exceptions

from .address import Place
from .deadline import TlsConnection
from .discovery import DiscoveredConnection, text
from .untyped import Answer, Argument, Option


class SentinelConnection(DiscoveredConnection):
    """A connection to the primary of a service that Sentinel watches; the sources are the
    sentinels.
    """

    source_name = "sentinel"

    def __init__(self, *, service: str, **options: Option) -> None:
        super().__init__(**options)
        self.sought = f"primary {service!r}"
        self._service = service

    def question(self) -> tuple[str, ...]:
        """Return the command that asks a sentinel for the primary."""
        return "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service

    def find(self, source: str, answer: list[bytes | str] | None) -> Place | None:
        """Return host and port of the primary; None if the sentinel does not know the service."""
        if answer is None:
            return None
        return text(answer[0]), int(answer[1])

    def read_response(self, *args: Argument, **options: Option) -> Answer:
        """Read an answer; one who is no primary any more is left, so that the next call asks anew."""
        try:
            return super().read_response(*args, **options)
        except exceptions.ReadOnlyError:
            self.mark_for_reconnect()  # type: ignore[no-untyped-call]
            raise


class TlsSentinelConnection(SentinelConnection, TlsConnection):
    """The same over TLS; the sentinels themselves are asked without."""
