"""The listeners of a worker: a gRPC server for each port, which outlives edits of its channel."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hansa import Unavailable

if TYPE_CHECKING:
    import grpc

    from .settings import ListeningSettings


_END = 5.0
"""Seconds that gRPC gets to end once the calls in hand are over or cancelled."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a server has for as long as it listens; an edit of any of these makes a new one."""

    host: str
    port: int
    tls: bool
    asks_for_certificates: bool
    max_body: int
    pool: int
    max_calls: int

    @classmethod
    def of(cls, config: ListeningSettings) -> Place:
        """Return the place of a channel."""
        return cls(
            host=config.host,
            port=config.port,
            tls=config.tls,
            asks_for_certificates=bool(config.tls and config.tls_ca),
            max_body=config.max_body,
            pool=config.pool,
            max_calls=config.max_calls,
        )

    @property
    def address(self) -> str:
        """The address as gRPC has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Served(Protocol):
    """A channel at a listener."""

    def handler(self, path: str) -> grpc.RpcMethodHandler | None:
        """Return what handles a method; None if there is none."""

    def certificates(self) -> grpc.ServerCertificateConfiguration:
        """Return the certificate to present, and the authorities of those of clients."""


class Listener:
    """A gRPC server. The channel that was added last has its calls."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.channels: list[Served] = []
        self._pool = ThreadPoolExecutor(place.pool, f"grpc {place.port}")
        self._server: grpc.Server | None = None

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return the handler of a call, as gRPC asks for it."""
        return self.channels[-1].handler(details.method)

    def start(self) -> None:
        """Listen; raises `Unavailable`."""
        import grpc

        place = self.place
        server = grpc.server(
            self._pool,
            handlers=[self],
            options=_options(place),
            maximum_concurrent_rpcs=place.max_calls,
        )
        try:
            if place.tls:
                server.add_secure_port(place.address, self._credentials())
            else:
                server.add_insecure_port(place.address)
        except RuntimeError as error:
            fault = f"cannot listen at {place.address}; check the settings host and port"
            raise Unavailable(fault) from error
        server.start()
        # one that has not begun cannot be waited for
        self._server = server

    def _credentials(self) -> grpc.ServerCredentials:
        import grpc

        def current() -> grpc.ServerCertificateConfiguration:
            return self.channels[-1].certificates()

        return grpc.dynamic_ssl_server_credentials(
            current(), current, require_client_authentication=self.place.asks_for_certificates
        )

    def stop(self, grace: float) -> None:
        """Take no further calls, and wait for those in hand, for `grace` seconds."""
        if self._server is not None:
            self._server.stop(grace).wait(grace + _END)
            self._server = None
        # of a service that does not end by its deadline nobody waits: its caller is answered
        self._pool.shutdown(wait=False, cancel_futures=True)


class Listeners:
    """The listeners of a worker, by their place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[Place, Listener] = {}

    def add(self, place: Place, channel: Served) -> None:
        """Give a channel the calls that come to a place, from now on; raises `Unavailable`."""
        with self._lock:
            listener = self._listeners.get(place)
            if listener is not None:
                listener.channels.append(channel)
                return
            listener = Listener(place)
            listener.channels.append(channel)
            try:
                listener.start()
            except BaseException:
                listener.stop(0)
                raise
            self._listeners[place] = listener

    def remove(self, place: Place, channel: Served, grace: float) -> None:
        """Give a channel no further calls; without one, the listener ends."""
        with self._lock:
            listener = self._listeners.get(place)
            if listener is None or channel not in listener.channels:
                return
            if len(listener.channels) > 1:
                listener.channels.remove(channel)
                return
            # the channel keeps the calls that still come until it is closed
            del self._listeners[place]
        listener.stop(grace)


def _options(place: Place) -> list[tuple[str, Any]]:
    return [
        # all workers of a server listen, and so do an old listener and the new one
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", place.max_body),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.absolute_max_metadata_size", 32 * 1024),
        ("grpc.max_concurrent_streams", place.max_calls),
        ("grpc.server_handshake_timeout_ms", 10_000),
        # a peer that has gone without a word is noticed
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
