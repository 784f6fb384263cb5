"""Service: the unit of business work, which knows nothing of transports, formats or security."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from types import AsyncGeneratorType, CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar

from ..foundation.errors import HansaError, NotFound
from ..foundation.event_loop import event_loop
from .awaited import AwaitedConnections
from .conversion import input_reader, output_writer
from .kinds import Channel, Dispatch, Format
from .message import Request, Response

if TYPE_CHECKING:
    from .server import OutgoingConnections, Server

current_cid: contextvars.ContextVar[str] = contextvars.ContextVar("cid", default="-")
"""The correlation id of the message that this thread handles; `-` outside of one."""

current_service: contextvars.ContextVar[str] = contextvars.ContextVar("service", default="")
"""The admin service that works in this thread, which the change log names; empty outside of one."""

_WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<!^)(?<!_)(?=[A-Z][a-z])")

_NOT_RUN = frozenset({CoroutineType, AsyncGeneratorType})
"""What a function of the form `async def` that nothing awaits returns."""


def automatic_name(module: str, name: str) -> str:
    """Return a service's name from its module and class: `my_service`, `GetRate` ->
    `my-service.get-rate`.
    """
    words = _WORD_BOUNDARY.sub("-", name).lower().lstrip("-")
    return f"{module.replace('_', '-')}.{words}"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a service is compiled with for one channel: its registered name, the format and the
    channel it serves.

    `channel` is the channel's name, `type` its type (`invoke` and `invoke-async` for internal
    calls), `config` its definition.
    """

    name: str
    server: Server
    format: Format | None = None
    channel: str = ""
    type: str = "invoke"
    config: Any = None


Wrap = Callable[[Channel | None, "type[Service]", Dispatch], Dispatch | None]
"""How `hansa_wrap` of a plugin is called: with the channel, the service and the call to wrap."""


def open_door(service: str) -> str:
    """Return why a channel to an administrative service is refused that lets anybody in."""
    return (
        f"{service} administers the cluster: name a security definition that callers must satisfy"
    )


Guard = Callable[[Request], None]
"""What looks at a request before its caller is authenticated; it raises what refuses the request."""

Witness = Callable[[Request, HansaError], None]
"""What learns of a request that is refused, and why."""


class Service:
    """Base of native services: a new instance handles each message.

    `Input` and `Output` are Models (or any type msgspec reads); without them the parsed message and
    any plain data pass. `name` overrides the automatic name. Class attributes of a service are
    shared by all messages of a worker.

    `is_async` of one whose `handle` is `async def`: it runs on the event loop of the worker, where it
    must not block, and `invoke`, `invoke_async` and what `outgoing` has are to be awaited.
    `asyncio.to_thread` makes any other call that blocks.
    """

    is_async: ClassVar[bool] = False
    name: ClassVar[str] = ""
    Input: ClassVar[Any] = None
    Output: ClassVar[Any] = None
    abstract: ClassVar[bool] = True

    request: Request
    response: Response
    server: Server
    log: logging.Logger

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "abstract" not in cls.__dict__:
            cls.abstract = False
        cls.is_async = iscoroutinefunction(cls.handle)

    @classmethod
    def get_name(cls) -> str:
        """Return the name that it is registered under."""
        if cls.name:
            return cls.name
        module = re.sub(r"@\w+", "", cls.__module__)
        if module.startswith("hansa"):
            module = module.rpartition(".")[2]
        return automatic_name(module, cls.__name__)

    @classmethod
    def is_administrative(cls) -> bool:
        """Whether its callers administer the cluster: a channel to it needs a security definition.

        Services whose names begin with `admin.` are; one that calls any service by name, as its
        callers wish, says so by overriding this.
        """
        return cls.get_name().startswith("admin.")

    def handle(self) -> Any:
        """Do the work; what it returns, or has put into `self.response.payload`, is the answer."""
        raise NotImplementedError(f"{type(self).__name__} has no handle()")

    @property
    def cid(self) -> str:
        """The correlation id of this message, the same in every call it causes."""
        return self.request.cid

    @property
    def outgoing(self) -> OutgoingConnections:
        """Connections out: `self.outgoing.TYPE["name"]`; in a service on the event loop, their methods
        are to be awaited.
        """
        found = self.server.outgoing
        return AwaitedConnections(found) if self.is_async else found

    def invoke(self, name: str, payload: object = None) -> Any:
        """Call another service, by name, and return its answer; its exceptions come through. Raises
        `Undefined` if there is no such service. In a service on the event loop, it is to be awaited.
        """
        if not self.is_async:
            return self.server.invoke(name, payload, cid=self.request.cid)
        call = partial(self.server.invoke, name, payload, cid=self.request.cid)
        return event_loop.run(call) if self._is_on_loop(name) else event_loop.in_thread(call)

    def _is_on_loop(self, name: str) -> bool:
        """Whether another service runs on the event loop."""
        try:
            return self.server.registry.service(name).cls.is_async
        except NotFound:
            return False

    def invoke_async(self, name: str, payload: object = None) -> Any:
        """Have another service called, by any worker of the cluster, at least once; returns the
        correlation id at once. In a service on the event loop, it is to be awaited.
        """
        call = partial(self.server.invoke_async, name, payload, cid=self.request.cid)
        return event_loop.in_thread(call) if self.is_async else call()

    def invoke_async_many(self, name: str, payloads: Iterable[object]) -> Any:
        """Have another service called with each of these payloads, at most 10,000, as `invoke_async`
        does: all calls are queued in one step, or none.
        """
        call = partial(self.server.invoke_async_many, name, payloads, cid=self.request.cid)
        return event_loop.in_thread(call) if self.is_async else call()

    def _plugin_attribute(self, name: str) -> object:
        """Return what a plugin gives services under this name, by `hansa_attributes`; raises
        AttributeError.
        """
        for each in type(self).__mro__:
            if name in vars(each):
                # a property, which has raised AttributeError: it says why once more
                return vars(each)[name].__get__(self, type(self))
        server = self.__dict__.get("server")
        if server is not None and not name.startswith("_"):
            with contextlib.suppress(NotFound):
                found: object = server.registry.attribute(name)
                return found
        fault = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(fault, name=name, obj=self)

    # type checkers are to find what is misspelt: a service that uses such an attribute names its
    # type in its class, as `translate: Translate`
    if not TYPE_CHECKING:
        __getattr__ = _plugin_attribute

    @classmethod
    def compile(cls, binding: Binding) -> Dispatch:
        """Build the callable that handles a request on one channel; other dialects of services
        override this.
        """
        read_input = input_reader(cls.Input, binding.format)
        write_output = output_writer(cls.Output, binding.format)
        server = binding.server
        log = logging.getLogger(f"hansa.service.{binding.name}")
        is_async = cls.is_async
        wait = event_loop.wait

        def call(request: Request) -> Response:
            request.input = read_input(request)
            service = cls()
            service.request = request
            service.server = server
            service.log = log
            response = service.response = Response()
            answer = wait(service.handle()) if is_async else service.handle()
            if answer is not None:
                if answer.__class__ in _NOT_RUN:
                    raise TypeError(
                        f"{binding.name}: handle returned what nothing awaits: it is to be "
                        "`async def` without `yield`, and so is what a decorator makes of it"
                    )
                response.payload = answer
            write_output(response)
            return response

        return call

    @classmethod
    def fail(cls, error: BaseException, request: Request, format: Format | None) -> Response | None:
        """Return the whole response to an error where this dialect has its own shape; None leaves
        it to the format.
        """
        return None
