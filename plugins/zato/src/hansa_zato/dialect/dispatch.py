"""Compiles a service of the Zato dialect for one channel.

All that can be decided before a request is decided here, once.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from hansa import Binding, Request as CoreRequest, Response as CoreResponse, Unavailable

from ..constants import CHANNEL, DATA_FORMAT, channel_type, transport
from ..section import profile_of
from ..sio.declaration import declaration
from ..sio.writing import names
from . import wire
from .hooks import Handler, HookRunner, overridden
from .incoming import input_reader, parser
from .invocation import options_of
from .logs import Logger
from .request import Request, readable
from .response import Response
from .schema import schema_check
from .server import zato_server

if TYPE_CHECKING:
    from .service import Service

Route: TypeAlias = Callable[[CoreRequest], CoreResponse]
HandlerChoice: TypeAlias = Callable[["Service", CoreRequest], Handler | None]

_EPOCH: Final = datetime.datetime(1970, 1, 1)
_JOBS: Final = {
    "one_time": "one_time",
    "interval": "interval_based",
    "cron": "cron_style",
    "once": "one_time",
}
_INTERVALS: Final = ("every", "seconds", "minutes", "hours", "days", "weeks")
_class_lock = threading.Lock()


def compile_service(cls: type[Service], binding: Binding) -> Route:
    """Return the function Request -> Response for one service on one channel."""
    if cls.is_async:
        raise Unavailable(
            f"{binding.name}: services of Zato have no `async def handle`; inherit from hansa.Service"
        )
    log = Logger(logging.getLogger(f"hansa.service.{binding.name}"))
    if not _is_admitted(cls, log):
        return _refusing(binding.name)
    return CompiledService(cls, binding, log).call


class CompiledService:
    """A service on a channel: has a new instance handle each message, and writes its response."""

    def __init__(self, cls: type[Service], binding: Binding, log: Logger) -> None:
        declared = declaration(cls, profile_of(binding.server))
        self._cls = cls
        self._binding = binding
        self._server = zato_server(binding.server)
        self._log = log
        is_called = binding.type != CHANNEL.NEW_INSTANCE
        self._parse = parser(binding, declared)
        self._read_input = input_reader(declared if is_called else None, binding)
        self._output_names = names(declared.outputs) if declared and declared.outputs else None
        self._data_format = _data_format(binding)
        self._transport = _transport(binding)
        self._choose_handler = _handler_choice(cls)
        self._hooks = HookRunner(cls, job_type(binding), log)
        self._check = schema_check(cls, binding.server)
        self._writer = wire.ResponseWriter(declared, binding, cls)
        self._usage = _usage_counter(cls)
        self._is_internal = binding.format is None and binding.type in wire.INTERNAL_TYPES
        self._variants: dict[str, Route] = {}

    def call(self, core: CoreRequest) -> CoreResponse:
        """Handle one message."""
        if self._is_internal and core.extra:
            format = _wanted_format(core)
            if format:
                return self._variant(format)(core)
        service = self.prepare(core)
        if not service.accept():
            return wire.empty(400, core.cid)
        handle = self._choose_handler(service, core)
        if handle is not None and self._check is not None:
            self._check(service.request.payload)
        if handle is None:
            return wire.empty(405, core.cid, {"Allow": ", ".join(verbs(self._cls))})
        self._hooks.run(service, handle)
        response = self._writer.respond(service, core)
        if service.request.is_refused:
            response.outcome = "reject"
        return response

    def prepare(self, core: CoreRequest) -> Service:
        """Return an instance of the service with all that it knows about a message."""
        parsed = self._parse(core)
        started = time.time()
        service = self._cls()
        service.core = core
        service.binding = self._binding
        service.server = self._server
        service.cid = core.cid
        service.name = self._binding.name  # type: ignore[misc] # of the class in core
        service.logger = self._log
        service.log = self._log  # type: ignore[assignment] # it has all methods of a logger
        service.invocation_time = _EPOCH + datetime.timedelta(seconds=started)
        service.usage = next(self._usage)
        service.response = Response(self._output_names, core.cid, self._data_format)
        service.request = Request(
            core,
            parsed.payload,
            parsed.element,
            self._read_input(core.cid, parsed.body, core.params),
            self._data_format,
            self._transport,
        )
        return service

    def _variant(self, format: str) -> Route:
        """Return the route for callers whose payload is read, and answer written, in a format."""
        route = self._variants.get(format)
        if route is None:
            binding = self._binding
            format_class = binding.server.registry.format(format).cls
            made = format_class(binding.config, self._cls)
            compiled = compile_service(self._cls, dataclasses.replace(binding, format=made))
            route = self._variants[format] = _for_callers(compiled)
        return route


def _is_admitted(cls: type[Service], log: Logger) -> bool:
    """Ask the class, once, whether it may be used; the answer stays with it."""
    with _class_lock:
        if "_admitted" not in cls.__dict__:
            cls._admitted = _ask(cls, log)
        return cls._admitted


def _ask(cls: type[Service], log: Logger) -> bool:
    try:
        is_admitted = bool(cls.before_add_to_store(log))
        if is_admitted:
            cls.after_add_to_store(log)
    except Exception:
        log.exception("before_add_to_store or after_add_to_store failed")
        return False
    return is_admitted


def _usage_counter(cls: type[Service]) -> itertools.count[int]:
    """Return what counts the messages of a class in this worker, over all its channels."""
    with _class_lock:
        if "_messages" not in cls.__dict__:
            cls._messages = itertools.count(1)
        return cls._messages


def _refusing(name: str) -> Route:
    def refuse(core: CoreRequest) -> CoreResponse:
        raise Unavailable(
            f"the service {name} refuses to be used: its before_add_to_store did not return True"
        )

    return refuse


def verbs(cls: type) -> list[str]:
    """Return the HTTP methods for which a class has its own handler, `handle_GET` and so on."""
    handlers = [name.removeprefix("handle_") for name in dir(cls) if name.startswith("handle_")]
    return sorted(name for name in handlers if name.isupper())


def _handler_choice(cls: type[Service]) -> HandlerChoice:
    """Return the function that chooses the handler of a request.

    It returns None if its HTTP method has none.
    """
    own = verbs(cls)
    has_general = overridden(cls, "handle")
    # what tells browsers which methods there are does not handle messages without one
    handling = [verb for verb in own if verb != "OPTIONS"]

    def choose_general(service: Service, core: CoreRequest) -> Handler:
        return service.handle

    def choose_by_method(service: Service, core: CoreRequest) -> Handler | None:
        method = core.method or str(service.options.get("request_method", ""))
        if method:
            handler: Handler | None = getattr(service, f"handle_{method.upper()}", None)
            return handler
        if has_general:
            return service.handle
        if len(handling) == 1:
            only: Handler = getattr(service, f"handle_{handling[0]}")
            return only
        return None

    return choose_by_method if own else choose_general


def _data_format(binding: Binding) -> str:
    """Return what `self.data_format` is on a channel."""
    if binding.format is not None:
        is_soap = binding.format.type == "soap"
        return DATA_FORMAT.XML if is_soap else binding.format.type
    return DATA_FORMAT.DICT if binding.type in wire.INTERNAL_TYPES else ""


def _transport(binding: Binding) -> str | None:
    """Return what `self.transport` is on a channel."""
    if binding.format is not None and binding.format.type == "soap":
        return "soap"
    return transport(binding.type)


def _wanted_format(core: CoreRequest) -> str:
    """Return the format in which a calling service wants its payload read and the answer written.

    It is empty for objects as they are.
    """
    options = options_of(core)
    format = options.get("data_format", "")
    if options.get("transport") == "soap":
        return "soap"
    if format in (DATA_FORMAT.JSON, DATA_FORMAT.XML):
        return format
    is_text = isinstance(core.payload, str | bytes) and bool(core.payload)
    return DATA_FORMAT.JSON if options.get("serialize") and is_text else ""


def _for_callers(route: Route) -> Route:
    """Return a route with a format for callers that pass text and want an object.

    They get text if they ask to `serialize`.
    """

    def call(core: CoreRequest) -> CoreResponse:
        if isinstance(core.payload, str | bytes):
            core.raw = core.payload.encode() if isinstance(core.payload, str) else core.payload
            core.payload = None
        response = route(core)
        if options_of(core).get("serialize"):
            response.payload = readable(response.raw)
        return response

    return call


def job_type(binding: Binding) -> str | None:
    """Return the type of job behind a schedule, by what its definition has set.

    It is None for other channels.
    """
    if channel_type(binding.type) != "scheduler":
        return None
    config = binding.config
    given = str(getattr(config, "job_type", ""))
    if given:
        return _JOBS.get(given, given)
    if getattr(config, "cron", None) or getattr(config, "cron_definition", None):
        return "cron_style"
    if any(getattr(config, name, None) for name in _INTERVALS):
        return "interval_based"
    return "one_time"
