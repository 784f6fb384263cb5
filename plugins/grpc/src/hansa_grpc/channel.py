"""The type `channel grpc`: listens, and has services handle the calls of its methods."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hansa import (
    Channel,
    HansaError,
    Invalid,
    Request,
    TimedOut,
    Unavailable,
    current_cid,
    deadline,
)
from hansa_connect.tls import definitions_of, resolved

from .caller import cid_of, request_of
from .codes import CID, error_of, metadata_of, status_of, text_of
from .compiling import compiled
from .interface import Interface, Method, declared_interface, interface_of
from .listener import Listeners, Place
from .reflection import reflection_handlers
from .settings import ListeningSettings

if TYPE_CHECKING:
    import grpc


class InHand:
    """Calls that are being handled: `with` one of these, a call counts until its end."""

    # PERF: a generator for each call would cost it twice as much

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self.count += 1

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self.count -= 1
            if not self.count:
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until there are none, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self.count, seconds)


class GrpcChannel(Channel[ListeningSettings]):
    """Listens for gRPC clients, and has a service handle the calls of each method.

    All workers of a server listen at the port. Messages are declared by a .proto, or derived from
    the services' Input and Output; then they change when a service is deployed anew.
    """

    type = "grpc"
    placement = "worker"

    _is_running = False
    _interface: Interface
    _handlers: dict[str, grpc.RpcMethodHandler]

    @classmethod
    def logins(cls, config: ListeningSettings) -> Iterable[str]:
        """Return the security definitions that supply certificates."""
        return definitions_of(config)

    @classmethod
    def claims(cls, config: ListeningSettings) -> Iterable[str]:
        """Return the port: two channels cannot listen at it."""
        return (f"TCP port {config.port}",)

    @classmethod
    def prepare(cls, config: ListeningSettings) -> ListeningSettings:
        """Refuse a .proto with faults, and methods that it does not have; raises `Invalid`."""
        descriptors = compiled(config)
        if descriptors:
            declared_interface(config, descriptors)
        return config

    def start(self) -> None:
        """Listen; raises what is wrong."""
        self._changing = threading.Lock()
        self._in_hand = InHand()
        self._place = Place.of(self.config)
        self._files = resolved(self.config, self.server.objects)
        if self.config.tls:
            self.certificates()
        self._refuse_administration()
        self._use(interface_of(self.config, self.server.registry))
        self._is_running = True
        self.server.resource(Listeners).add(self._place, self)

    def stop(self) -> None:
        """Take nothing new, and let what was begun end."""
        if not self._is_running:
            return
        self._is_running = False
        ends = time.monotonic() + self.server.grace
        self.server.resource(Listeners).remove(self._place, self, self.server.grace)
        self._in_hand.wait(max(0.0, ends - time.monotonic()))

    def ping(self) -> str:
        """Return how many methods there are, and where."""
        methods = len(self.config.methods)
        return f"{methods} methods at {self._place.address}, {self._in_hand.count} calls in hand"

    def _refuse_administration(self) -> None:
        faults = {}
        for index, one in enumerate(self.config.methods):
            found = self.server.registry.find_service(one.service)
            if found is not None and found.cls.is_administrative():
                fault = f"{one.service} administers the cluster, and is not served"
                faults[f"methods[{index}].service"] = fault
        if faults:
            raise Invalid(faults)

    # -- what the listener asks for ----------------------------------------------------------------

    def handler(self, path: str) -> grpc.RpcMethodHandler | None:
        """Return what handles a method; None if there is none."""
        # a service that was deployed anew may answer with a stream by now
        with contextlib.suppress(HansaError):
            self._current()
        return self._handlers.get(path)

    def certificates(self) -> grpc.ServerCertificateConfiguration:
        """Return the certificate to present, and the authorities of those of clients."""
        import grpc

        config = self._files
        try:
            pair = (Path(config.tls_key).read_bytes(), Path(config.tls_certificate).read_bytes())
            authorities = Path(config.tls_ca).read_bytes() if config.tls_ca else None
        except OSError as error:
            raise Unavailable(f"a file of TLS cannot be read: {error}") from error
        return grpc.ssl_server_certificate_configuration([pair], authorities)

    # -- the interface -----------------------------------------------------------------------------

    @property
    def texts(self) -> dict[str, str]:
        """The .proto files that declare the methods, by package."""
        if not self._is_running:
            raise Unavailable(f"channel grpc {self.name!r} is not running")
        return dict(self._current().texts)

    def _use(self, interface: Interface) -> None:
        import grpc

        handlers = {}
        for method in interface.methods.values():
            if method.streams:
                made = grpc.unary_stream_rpc_method_handler(self._streaming(method.path))
            else:
                made = grpc.unary_unary_rpc_method_handler(self._unary(method.path))
            handlers[method.path] = made
        if self.config.reflection:
            handlers.update(reflection_handlers(interface, self._admit))
        self._interface = interface
        self._handlers = handlers

    def _current(self) -> Interface:
        """Return the interface as the services declare it now; raises `Unavailable`."""
        if not self._is_outdated(self._interface):
            return self._interface
        with self._changing:
            if self._is_outdated(self._interface):
                try:
                    self._use(interface_of(self.config, self.server.registry))
                except HansaError as error:
                    unavailable = Unavailable("the messages of the method cannot be derived")
                    unavailable.reason = error.detail
                    raise unavailable from error
        return self._interface

    def _is_outdated(self, interface: Interface) -> bool:
        find = self.server.registry.find_service
        for name, cls in interface.classes.items():
            registered = find(name)
            if registered is not None and registered.cls is not cls:
                return True
        return False

    # -- calls -------------------------------------------------------------------------------------

    def _unary(self, path: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def call(raw: bytes, context: grpc.ServicerContext) -> bytes:
            with self._in_hand, deadline(self._limit(context)):
                method, request, payload = self._answer(path, raw, context)
                try:
                    answer = method.write(payload, method.response)
                except Exception as error:
                    self._abort(context, self._unwritable(method, error), request.cid)
                context.set_trailing_metadata(((CID, request.cid),))
                return answer

        return call

    def _streaming(self, path: str) -> Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]:
        def call(raw: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            limit = self._limit(context)
            ends = time.monotonic() + limit
            # of a client that does not read, gRPC itself waits without a limit
            guard = threading.Timer(limit + 1, context.cancel)
            guard.daemon = True
            guard.start()
            try:
                with self._in_hand:
                    yield from self._stream(path, raw, context, ends)
            finally:
                guard.cancel()

        return call

    def _stream(
        self, path: str, raw: bytes, context: grpc.ServicerContext, ends: float
    ) -> Iterator[bytes]:
        with deadline(max(0.0, ends - time.monotonic())):
            method, request, payload = self._answer(path, raw, context)
        items: Iterator[object] = iter(())
        token = current_cid.set(request.cid)
        try:
            items = iter(() if payload is None else payload)
            while True:
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimedOut("the deadline of the call has passed")
                with deadline(left):
                    try:
                        item = next(items)
                    except StopIteration:
                        break
                answer = method.write(item, method.response)
                if not context.is_active():
                    return
                yield answer
        except GeneratorExit:
            raise
        except Invalid as invalid:
            self._abort(context, self._unwritable(method, invalid), request.cid)
        except Exception as error:
            if not isinstance(error, HansaError) or error.internal:
                self.log.error("%s has failed in its stream", path, exc_info=error)
            self._abort(context, error, request.cid)
        finally:
            current_cid.reset(token)
            close = getattr(items, "close", None)
            if close is not None:
                close()
        context.set_trailing_metadata(((CID, request.cid),))

    def _answer(
        self, path: str, raw: bytes, context: grpc.ServicerContext
    ) -> tuple[Method, Request, Any]:
        """Return what the service answers; ends the call with a status if it does not."""
        try:
            method = self._current().methods[path]
        except HansaError as error:
            self.log.error("%s: %s", path, error.explanation)
            self._abort(context, error, cid_of(context))
        asks = self._place.asks_for_certificates
        request = request_of(method, raw, context, certificates=asks)
        response = self.dispatch(request)
        if not response.ok or response.status >= 400:
            self._abort(context, error_of(response), request.cid)
        return method, request, response.payload

    def _unwritable(self, method: Method, fault: Exception) -> TypeError:
        error = TypeError(f"the answer of {method.service} does not fit its message: {fault}")
        self.log.error("%s: %s", method.path, error)
        return error

    def _limit(self, context: grpc.ServicerContext) -> float:
        left = context.time_remaining()
        limit = self.config.timeout
        return limit if left is None else min(limit, max(0.0, left))

    def _abort(self, context: grpc.ServicerContext, error: BaseException, cid: str) -> NoReturn:
        status = error.status if isinstance(error, HansaError) and not error.internal else 500
        context.set_trailing_metadata(metadata_of(error, cid))
        context.abort(status_of(status), text_of(error, cid))
        raise AssertionError("abort raises")

    def _admit(self, context: grpc.ServicerContext) -> None:
        """End a call with a status whose caller may call nothing here."""
        asks = self._place.asks_for_certificates
        request = request_of(None, b"", context, certificates=asks)
        response = self.dispatch(request)
        if not response.ok:
            self._abort(context, error_of(response), request.cid)
