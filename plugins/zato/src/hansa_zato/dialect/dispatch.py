"""Compiles a service of the Zato dialect for one channel: what can be decided before a request is decided here, once."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hansa import Binding, Request as CoreRequest, Response as CoreResponse, Unavailable

from ..constants import DATA_FORMAT, channel_type, transport
from ..sio.declaration import declaration
from ..sio.writing import names
from . import hooks, wire
from .incoming import input_reader, parser
from .invocation import OPTIONS
from .logs import Logger
from .request import Request, readable
from .response import Response

if TYPE_CHECKING:
    from .service import Service

_EPOCH = datetime.datetime(1970, 1, 1)
_INTERNAL = ("invoke", "invoke-async")
_HOLD = threading.Lock()


def compile_service(cls: type[Service], binding: Binding) -> Callable[[CoreRequest], CoreResponse]:
    """Build Request -> Response for one service on one channel."""
    log = Logger(logging.getLogger(f"hansa.service.{binding.name}"))
    if not _admitted(cls, log):
        return _refusing(binding.name)
    declared = declaration(cls, profile_of(binding.server))
    parse, read = parser(binding, declared), input_reader(declared, binding)
    internal = binding.type in _INTERNAL and binding.format is None
    finish = wire.finisher(declared, binding, cls)
    handler = _handler(cls)
    run = hooks.runner(cls, job_type(binding), log)
    output_names = names(declared.outputs) if declared and declared.outputs else None
    type_format = _data_format(binding)
    where = (
        "soap"
        if binding.format is not None and binding.format.type == "soap"
        else transport(binding.type)
    )
    server, counter = binding.server, _counter(cls)
    variants: dict[str, Callable[[CoreRequest], CoreResponse]] = {}

    def call(core: CoreRequest) -> CoreResponse:
        if internal and core.extra:
            other = _variant(core)
            if other:
                return variant(other)(core)
        payload, body, element = parse(core)
        started = time.time()
        service = cls()
        service.core, service.binding, service.server = core, binding, server
        service.cid = core.cid
        service.name = binding.name  # type: ignore[misc]
        service.logger = service.log = log  # type: ignore[assignment]
        service.invocation_time = _EPOCH + datetime.timedelta(seconds=started)
        service.usage = next(counter)
        service.response = Response(output_names, core.cid, type_format)
        service.request = Request(
            core, payload, element, read(core.cid, body, core.params), type_format, where
        )
        if not service.accept():
            return wire.empty(400, core.cid)
        handle = handler(service, core)
        if handle is None:
            return wire.empty(405, core.cid, Allow=", ".join(verbs(cls)))
        run(service, handle)
        return finish(service, core)

    def variant(format: str) -> Callable[[CoreRequest], CoreResponse]:
        if format not in variants:
            known = server.registry.format(format).cls
            variants[format] = compile_service(
                cls, dataclasses.replace(binding, format=known(binding.config, cls))
            )
        return _as_called(variants[format])

    return call


def profile_of(server: Any) -> str:
    """The generation that the configuration asks for; auto without a configuration."""
    section = getattr(server, "section", None)
    return section("zato").profile if section else "auto"


def _admitted(cls: type[Service], log: Logger) -> bool:
    """Ask the class, once, whether it may be used; the answer stays with it."""
    with _HOLD:
        if "_admitted" not in cls.__dict__:
            try:
                cls._admitted = bool(cls.before_add_to_store(log))  # type: ignore[attr-defined]
                if cls._admitted:  # type: ignore[attr-defined]
                    cls.after_add_to_store(log)
            except Exception:
                log.exception("before_add_to_store or after_add_to_store failed")
                cls._admitted = False  # type: ignore[attr-defined]
        return bool(cls.__dict__["_admitted"])


def _counter(cls: type[Service]) -> itertools.count[int]:
    """Counts the messages of a class in this worker, over all its channels."""
    with _HOLD:
        if "_messages" not in cls.__dict__:
            cls._messages = itertools.count(1)  # type: ignore[attr-defined]
        found: itertools.count[int] = cls.__dict__["_messages"]
        return found


def _refusing(name: str) -> Callable[[CoreRequest], CoreResponse]:
    def refuse(core: CoreRequest) -> CoreResponse:
        raise Unavailable(
            f"the service {name} does not let itself be used: its before_add_to_store did not return True"
        )

    return refuse


def verbs(cls: type) -> list[str]:
    """The HTTP methods for which a class has a handler of its own, `handle_GET` and so on."""
    return sorted(
        name[7:] for name in dir(cls) if name.startswith("handle_") and name[7:].isupper()
    )


def _handler(cls: type[Service]) -> Callable[[Service, CoreRequest], Any]:
    """Build the choice of the method that handles a request; None if there is none for its HTTP method."""
    own = verbs(cls)
    if not own:
        return lambda service, core: service.handle
    general = hooks.overridden(cls, "handle")

    def choose(service: Service, core: CoreRequest) -> Any:
        method = (core.method or str(service.options.get("request_method", ""))).upper()
        if method:
            return getattr(service, f"handle_{method}", None)
        if general:
            return service.handle
        return getattr(service, f"handle_{own[0]}") if len(own) == 1 else None

    return choose


def _data_format(binding: Binding) -> str:
    if binding.format is not None:
        return DATA_FORMAT.XML if binding.format.type == "soap" else str(binding.format.type)
    return DATA_FORMAT.DICT if binding.type in _INTERNAL else ""


def _variant(core: CoreRequest) -> str:
    """The format in which a calling service wants the payload read and the answer written, empty for objects as they are."""
    options = core.extra.get(OPTIONS) or {}
    format: str = options.get("data_format", "")
    if options.get("transport") == "soap":
        return "soap"
    if format in (DATA_FORMAT.JSON, DATA_FORMAT.XML):
        return format
    return (
        DATA_FORMAT.JSON
        if options.get("serialize") and isinstance(core.payload, str | bytes) and core.payload
        else ""
    )


def _as_called(
    route: Callable[[CoreRequest], CoreResponse],
) -> Callable[[CoreRequest], CoreResponse]:
    """A route with a format, for a caller that gave text and wants an object, or text if it asked to `serialize`."""

    def call(core: CoreRequest) -> CoreResponse:
        if isinstance(core.payload, str | bytes):
            core.raw = core.payload.encode() if isinstance(core.payload, str) else core.payload
            core.payload = None
        response = route(core)
        if (core.extra.get(OPTIONS) or {}).get("serialize"):
            response.payload = readable(response.raw)
        return response

    return call


_JOBS = {
    "one_time": "one_time",
    "interval": "interval_based",
    "cron": "cron_style",
    "once": "one_time",
}


def job_type(binding: Binding) -> str | None:
    """The type of job behind a schedule, by what its definition has set."""
    if channel_type(binding.type) != "scheduler":
        return None
    config = binding.config
    given = str(getattr(config, "job_type", ""))
    if given:
        return _JOBS.get(given, given)
    if getattr(config, "cron", None) or getattr(config, "cron_definition", None):
        return "cron_style"
    if any(
        getattr(config, unit, None)
        for unit in ("every", "seconds", "minutes", "hours", "days", "weeks")
    ):
        return "interval_based"
    return "one_time"
