"""Service: the unit of business work, which knows nothing of transports, formats or security."""

from __future__ import annotations

import contextvars
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..foundation.errors import Invalid
from ..settings.model import Model, dump, load
from .kinds import Dispatch, Format
from .message import Request, Response

__all__ = ["Binding", "Service", "automatic_name", "current_cid"]

current_cid: contextvars.ContextVar[str] = contextvars.ContextVar("cid", default="-")
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<!^)(?<!_)(?=[A-Z][a-z])")


def automatic_name(module: str, name: str) -> str:
    """The name of a service from its module and class: `my_service`, `GetRate` -> `my-service.get-rate`."""
    return f"{module.replace('_', '-')}.{_BOUNDARY.sub('-', name).lower().lstrip('-')}"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a service is compiled with for one channel: its registered name, the format and the channel it serves.

    `channel` is the channel's name, `type` its type (`invoke` and `invoke-async` for internal calls), `config` its definition,
    `server` the worker's facade.
    """

    name: str
    server: Any
    format: Format | None = None
    channel: str = ""
    type: str = "invoke"
    config: Any = None


class Service:
    """Base of native services: a new instance handles each message.

    `Input` and `Output` are Models (or any type msgspec reads); without them the parsed message and any plain data pass.
    `name` overrides the automatic name. Class attributes of a service are shared by all messages of a worker.
    """

    name: ClassVar[str] = ""
    Input: ClassVar[Any] = None
    Output: ClassVar[Any] = None
    abstract: ClassVar[bool] = True

    request: Request
    response: Response
    server: Any
    log: logging.Logger

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "abstract" not in cls.__dict__:
            cls.abstract = False

    @classmethod
    def get_name(cls) -> str:
        """The name it is registered under."""
        if cls.name:
            return cls.name
        module = re.sub(r"@\w+", "", cls.__module__)
        return automatic_name(
            module.rpartition(".")[2] if module.startswith("hansa") else module, cls.__name__
        )

    def handle(self) -> Any:
        """Do the work; what it returns, or has put into `self.response.payload`, is the answer."""
        raise NotImplementedError(f"{type(self).__name__} has no handle()")

    @property
    def cid(self) -> str:
        """The correlation id of this message, the same in every call it causes."""
        return self.request.cid

    @property
    def outgoing(self) -> Any:
        """Connections out: `self.outgoing.TYPE["name"]`."""
        return self.server.outgoing

    def invoke(self, name: str, payload: Any = None) -> Any:
        """Call another service, by name, and give back its answer; its exceptions come through."""
        return self.server.invoke(name, payload, cid=self.request.cid)

    def invoke_async(self, name: str, payload: Any = None) -> str:
        """Have another service called, by any worker of the cluster, at least once; gives the correlation id at once."""
        return str(self.server.invoke_async(name, payload, cid=self.request.cid))

    @classmethod
    def compile(cls, binding: Binding) -> Dispatch:
        """Build the callable that handles a request on one channel; other dialects of services override this."""
        parse, render = _parser(cls.Input, binding.format), _renderer(cls.Output, binding.format)
        server, log = binding.server, logging.getLogger(f"hansa.service.{binding.name}")

        def call(request: Request) -> Response:
            request.input = parse(request)
            service = cls()
            service.request, service.server, service.log = request, server, log
            response = service.response = Response()
            answer = service.handle()
            if answer is not None:
                response.payload = answer
            render(response)
            return response

        return call

    @classmethod
    def fail(cls, error: BaseException, request: Request, format: Format | None) -> Response | None:
        """The whole response to an error where this dialect has its own shape; None leaves it to the format."""
        return None


def _parser(model: Any, format: Format | None) -> Callable[[Request], Any]:
    """Build the function that makes a service's input of a request, resolved once per route."""

    def merged(request: Request) -> Any:
        data = format.parse(request.raw) if format and request.raw else request.payload
        if model is not None and hasattr(data, "to_data"):
            data = data.to_data(model)
        if not isinstance(data, dict | None):
            raise Invalid(
                f"expected an object to merge with the parameters, got {type(data).__name__}"
            )
        return {**(data or {}), **request.params}

    def parse(request: Request) -> Any:
        if request.params and (typed or format or not request.raw):
            return _convert(merged(request), model, strict=False) if typed else merged(request)
        if request.raw and format:
            return format.parse(request.raw, model)
        if not typed:
            return request.raw or None if request.payload is None else request.payload
        if request.raw:
            raise Invalid("the service has a declared input; its channel needs a format to read it")
        if isinstance(model, type) and isinstance(request.payload, model):
            return request.payload
        return _convert({} if request.payload is None else request.payload, model, strict=True)

    typed = model is not None
    return parse


def _convert(data: Any, model: Any, *, strict: bool) -> Any:
    return load(
        model, dump(data, str) if isinstance(data, Model) else data, strict=strict, unknown=False
    )


def _renderer(model: Any, format: Format | None) -> Callable[[Response], None]:
    """Build the function that turns a response's payload into bytes; without a format, payloads stay objects."""
    is_model = isinstance(model, type)

    def render(response: Response) -> None:
        payload = response.payload
        if payload is None:
            return
        if is_model and not isinstance(payload, model):
            try:
                payload = response.payload = _convert(payload, model, strict=True)
            except Invalid as invalid:
                raise TypeError(
                    f"the answer does not fit the declared output: {invalid}"
                ) from invalid
        if isinstance(payload, bytes):
            response.raw = payload
        elif format is None:
            response.raw = payload.encode() if isinstance(payload, str) else response.raw
        else:
            try:
                response.raw = format.render(payload, model)
            except Invalid as invalid:
                # the service's fault, not its caller's
                raise TypeError(f"the answer cannot be written: {invalid}") from invalid
        if format is not None and not response.content_type:
            response.content_type = format.content_type

    return render
