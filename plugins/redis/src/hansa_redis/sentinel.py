"""Connections to the primary that Redis Sentinel names, found anew for each connection."""

from __future__ import annotations

from typing import Any

from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from .deadline import DeadlineSocket, TcpConnection, TlsConnection, remaining

SENTINEL_TIMEOUT = 1.0
"""Seconds that one sentinel gets to answer before the next one is asked."""


class SentinelConnection(TcpConnection):
    """A connection to the primary of a service that Sentinel watches.

    The `sentinels` (host and port of each) are asked in turn, within the deadline of the call.
    """

    def __init__(
        self,
        *,
        sentinels: list[tuple[str, int]],
        service: str,
        sentinel_options: dict[str, str],
        **options: Any,
    ) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._sentinels = sentinels
        self._service = service
        self._sentinel_options = sentinel_options

    def _connect(self) -> DeadlineSocket:
        self.host, self.port = self._find_primary()
        return super()._connect()

    def _find_primary(self) -> tuple[str, int]:
        """Return host and port of the primary; raises `ConnectionError` if no sentinel knows it."""
        faults: list[str] = []
        for host, port in self._sentinels:
            try:
                answer = self._ask(host, port)
            except (exceptions.RedisError, OSError) as error:
                faults.append(f"{host}:{port}: {error}")
                continue
            if answer is None:
                faults.append(f"{host}:{port} knows no primary {self._service!r}")
                continue
            return _text(answer[0]), int(answer[1])
        raise exceptions.ConnectionError(f"no sentinel names a primary: {'; '.join(faults)}")

    def _ask(self, host: str, port: int) -> list[bytes | str] | None:
        seconds = remaining(SENTINEL_TIMEOUT)
        sentinel = TcpConnection(  # type: ignore[no-untyped-call]
            host=host,
            port=port,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            **self._sentinel_options,
        )
        try:
            question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
            sentinel.send_command(*question)  # type: ignore[no-untyped-call]
            found: list[bytes | str] | None = sentinel.read_response()
            return found
        finally:
            sentinel.disconnect()  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer; one who is no primary any more is left, so that the next call asks anew."""
        try:
            return super().read_response(*args, **options)
        except exceptions.ReadOnlyError:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise


class TlsSentinelConnection(SentinelConnection, TlsConnection):
    """The same over TLS; the sentinels themselves are asked without."""


def _text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word
