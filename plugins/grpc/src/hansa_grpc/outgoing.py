"""The type `outgoing grpc`: calls the methods of a gRPC server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hansa import (
    HansaError,
    Invalid,
    Misused,
    Outgoing,
    OutgoingRequest,
    TimedOut,
    Unavailable,
    current_cid,
    time_left,
    trace_headers,
)
from hansa_connect.tls import definitions_of, resolved

from .codes import CID
from .compiling import compiled
from .dialling import address_of, open_channel, probe, wait_until_ready
from .errors import CallFailed, failure_of
from .interface import Interface, Method, called_interface, declared_pool, service_names
from .remote import reflected
from .settings import CallingSettings

if TYPE_CHECKING:
    import grpc

_is_key = re.compile(r"[a-z0-9_.-]+").fullmatch
_is_text = re.compile(r"[ -~]*").fullmatch
HEALTH = "/grpc.health.v1.Health/Check"
_NOT_SERVING = b"\x08\x02"
"""The answer of a server that is there, and does not serve (HealthCheckResponse)."""


class GrpcOutgoing(Outgoing[CallingSettings]):
    """Calls a gRPC server: `self.outgoing.grpc["name"].call("rates.v1.Rates/Get", {"of": "EUR"})`.

    Safe in many threads, which share one connection. It connects again by itself; the state says
    why while it cannot.
    """

    type = "grpc"

    _channel: grpc.Channel | None = None
    _made: dict[str, grpc.UnaryUnaryMultiCallable]
    _is_in_trouble = False

    @classmethod
    def logins(cls, config: CallingSettings) -> Iterable[str]:
        """Return the security definitions that supply certificates."""
        return definitions_of(config)

    @classmethod
    def prepare(cls, config: CallingSettings) -> CallingSettings:
        """Refuse a .proto with faults; raises `Invalid`."""
        descriptors = compiled(config)
        if descriptors:
            declared_pool(config, descriptors)
        return config

    def start(self) -> None:
        """Connect, and learn which methods there are; raises what is wrong."""
        import grpc

        config = resolved(self.config, self.server.objects)
        self._files = config
        self._address = f"{'https' if config.tls else 'http'}://{address_of(config)}"
        descriptors = compiled(config)
        probe(config)
        interface = None
        if descriptors:
            interface = called_interface(
                declared_pool(config, descriptors), service_names(descriptors)
            )
        self._channel = open_channel(config, interface)
        wait_until_ready(self._channel, config.timeout)
        if interface is None:
            try:
                interface = self._ask_for_methods()
            except grpc.RpcError as error:
                raise failure_of(error, self._what, "server reflection") from error
            self._channel.close()
            # only now it is known which calls may be repeated
            self._channel = open_channel(config, interface)
        self._interface = interface
        self._made = {}

    def stop(self) -> None:
        """Disconnect."""
        channel = self._channel
        self._channel = None
        if channel is not None:
            channel.close()

    def ping(self) -> str:
        """Ask for the server's health, which any gRPC server answers, if only with UNIMPLEMENTED.

        Raises `Unavailable` if it does not, or says that it does not serve, and `CallFailed` if it
        does not know who asks.
        """
        began = time.monotonic()
        ask = self._asking(HEALTH)
        try:
            answer = self._call(ask, HEALTH, b"", self._time(0), {})
        except CallFailed as failed:
            if failed.grpc_code == "UNAUTHENTICATED":
                raise
            answer = b""
        if answer == _NOT_SERVING:
            raise Unavailable(f"{self._what}: the server says that it does not serve")
        self._well()
        return f"answered in {(time.monotonic() - began) * 1000:.1f} ms"

    @property
    def methods(self) -> list[str]:
        """The methods that can be called, such as `rates.v1.Rates/Get`."""
        return sorted(path[1:] for path in self._interface.methods)

    def call(
        self,
        method: str,
        data: object = None,
        *,
        timeout: float = 0,
        metadata: Mapping[str, str] | None = None,
    ) -> Any:
        """Call a method, and return its answer as plain data, fields by the names of the .proto.

        `data` is plain data, too, or an object such as a `Model`. `timeout` is that of the settings
        if it is not given, in seconds, and never longer than the deadline of the service itself.
        Raises `Invalid` for data that does not fit, by field; `Unavailable`, `TimedOut`, and
        `CallFailed` with `grpc_code` for an error that the server answers with.
        """
        found = self._method(method)
        if found.streams:
            raise Misused(f"{self._what}: {method} answers with a stream: use stream()")
        raw = found.write(data, found.request)
        ask = self._asking(found.path)
        with self.observed():
            answer = self._call(ask, found.path, raw, self._time(timeout), metadata or {})
        return self._read(found, answer)

    def stream(
        self,
        method: str,
        data: object = None,
        *,
        timeout: float = 0,
        metadata: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """Call a method that answers with a stream, and return an iterator over its messages.

        The deadline is that of the whole stream. A stream that is left early is cancelled, as soon
        as the iterator is closed. Raises what `call` raises, also between two messages.
        """
        found = self._method(method)
        if not found.streams:
            raise Misused(f"{self._what}: {method} answers once: use call()")
        raw = found.write(data, found.request)
        return self._stream(found, raw, self._time(timeout), metadata or {})

    # ----------------------------------------------------------------------------------------------

    @property
    def _what(self) -> str:
        return f"outgoing grpc {self.name!r}"

    def _open(self) -> grpc.Channel:
        if self._channel is None:
            raise Unavailable(f"{self._what} is not started")
        return self._channel

    def _asking(self, path: str) -> grpc.UnaryUnaryMultiCallable:
        """Return what calls a method, which takes grpcio a while to make."""
        channel = self._open()
        found = self._made.get(path)
        if found is None:
            found = channel.unary_unary(path)
            self._made[path] = found
        return found

    def _method(self, name: str) -> Method:
        found = self._interface.methods.get("/" + name.lstrip("/"))
        if found is None:
            known = ", ".join(self.methods[:20])
            raise Misused(f"{self._what}: there is no method {name}; there are {known}")
        if found.takes_stream:
            raise Misused(f"{self._what}: {name} takes a stream, which is not supported")
        return found

    def _time(self, timeout: float) -> float:
        left = time_left(timeout or self.config.timeout)
        if not left:
            raise TimedOut(f"{self._what}: the deadline has passed")
        return left

    def _call(
        self, ask: Any, path: str, raw: bytes, timeout: float, extra: Mapping[str, str]
    ) -> bytes:
        import grpc

        ends = time.monotonic() + timeout
        signed = self._signed(path, raw, extra)
        try:
            answer: bytes = ask(raw, timeout=timeout, metadata=_pairs(signed))
        except grpc.RpcError as error:
            if not self._renewed(error, signed):
                raise self._failed(error, path[1:]) from error
            signed = self._signed(path, raw, extra)
            try:
                left = max(0.001, ends - time.monotonic())
                answer = ask(raw, timeout=left, metadata=_pairs(signed))
            except grpc.RpcError as second:
                raise self._failed(second, path[1:]) from second
        except ValueError as error:
            # the channel was closed meanwhile
            raise Unavailable(f"{self._what} is stopped") from error
        self._well()
        return answer

    def _stream(
        self, method: Method, raw: bytes, timeout: float, extra: Mapping[str, str]
    ) -> Iterator[Any]:
        import grpc

        ask = self._open().unary_stream(method.path)
        signed = self._signed(method.path, raw, extra)
        with self.observed():
            messages = ask(raw, timeout=timeout, metadata=_pairs(signed))
            try:
                for message in messages:
                    yield self._read(method, message)
            except grpc.RpcError as error:
                self._renewed(error, signed)
                raise self._failed(error, method.path[1:]) from error
            finally:
                messages.cancel()
        self._well()

    def _read(self, method: Method, raw: bytes) -> Any:
        try:
            return method.read(raw, method.response)
        except Invalid as invalid:
            unreadable = HansaError(f"{self._what}: the answer of {method.path[1:]} is unreadable")
            unreadable.reason = invalid.detail
            raise unreadable from invalid

    def _signed(self, path: str, raw: bytes, extra: Mapping[str, str]) -> OutgoingRequest:
        headers = {name.lower(): value for name, value in extra.items()}
        _check_metadata(headers)
        headers.update(trace_headers())
        cid = current_cid.get()
        if cid != "-":
            headers.setdefault(CID, cid)
        request = OutgoingRequest(
            method="POST", url=f"{self._address}{path}", headers=headers, body=raw
        )
        security = self.security
        if security is None:
            return request
        if security.signs_messages:
            raise Misused(f"security {security.name!r} signs messages, which gRPC does not have")
        security.sign_request(request)
        if request.query or request.begin_handshake is not None:
            raise Misused(f"security {security.name!r} cannot sign in metadata, as gRPC needs it")
        return request

    def _metadata(self, path: str, raw: bytes, extra: Mapping[str, str]) -> list[tuple[str, str]]:
        return _pairs(self._signed(path, raw, extra))

    def _ask_for_methods(self) -> Interface:
        from .reflection import PATHS

        metadata = self._metadata(PATHS[0], b"", {})
        return reflected(self._open(), metadata, self.config.timeout)

    def _renewed(self, error: grpc.RpcError, rejected: OutgoingRequest) -> bool:
        """Whether a call that was refused is to be sent once more, signed anew."""
        security = self.security
        if security is None or error.code().name != "UNAUTHENTICATED":
            return False
        return security.renew(rejected)

    def _failed(self, error: grpc.RpcError, method: str) -> HansaError:
        found = failure_of(error, self._what, method)
        if isinstance(found, Unavailable):
            self._is_in_trouble = True
            self.trouble(found.explanation)
        return found

    def _well(self) -> None:
        if self._is_in_trouble:
            self._is_in_trouble = False
            self.trouble("")


def _pairs(request: OutgoingRequest) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in request.headers.items()]


def _check_metadata(headers: Mapping[str, str]) -> None:
    """Raise `Invalid` for what cannot be metadata, as a server would be blamed for it otherwise."""
    faults = {}
    for name, value in headers.items():
        if not _is_key(name):
            faults[f"metadata.{name}"] = "a name has a-z, 0-9, and - _ . between them"
        elif not name.endswith("-bin") and not _is_text(value):
            faults[f"metadata.{name}"] = "must be ASCII without control characters"
    if faults:
        raise Invalid(faults)
