"""Operation: the base of all admin services, which read their input strictly and answer plain data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hansa import Binding, Invalid, Model, Request, Response, Service, dump, load

from .reading import read_object


class Nothing(Model):
    """No input."""


class Operation(Service):
    """A service of the admin API: unknown settings and duplicate keys are refused, whoever calls it.

    The first sentence of its docstring is its help on the command line and in the API's description; `listed` says whether
    it appears there.
    """

    abstract: ClassVar[bool] = True
    listed: ClassVar[bool] = True
    Input: ClassVar[Any] = Nothing

    @classmethod
    def read(cls, data: dict[str, Any], server: Any, *, strict: bool = True) -> Any:
        """Turn the given settings into what `handle` finds as `self.request.input`; raises `Invalid` with all faults."""
        return load(cls.Input, data, strict=strict)

    @classmethod
    def compile(cls, binding: Binding) -> Callable[[Request], Response]:
        """Build the callable that handles a request: strict reading, the service, plain data out."""
        server, log, format = (
            binding.server,
            logging.getLogger(f"hansa.service.{binding.name}"),
            binding.format,
        )

        def call(request: Request) -> Response:
            request.input = cls.read(given(request), server, strict=not request.params)
            service = cls()
            service.request, service.server, service.log = request, server, log
            response = service.response = Response()
            answer = service.handle()
            if answer is not None:
                response.payload = answer if isinstance(answer, bytes) else dump(answer)
            if isinstance(response.payload, bytes):
                response.raw = response.payload
            elif format is not None and response.payload is not None:
                response.raw = format.render(response.payload)
                response.content_type = response.content_type or format.content_type
            return response

        return call

    @property
    def caller(self) -> str:
        """Who asked, for the change log; an empty string for an internal call."""
        principal = self.request.principal
        return str(getattr(principal, "name", None) or principal or "")


def given(request: Request) -> dict[str, Any]:
    """The settings of a request: its JSON body, or an already built object, and the parameters of its path and query."""
    data: Any = read_object(request.raw) if request.raw else request.payload
    if data is None:
        data = {}
    if isinstance(data, Model):
        data = dump(data, str)
    if not isinstance(data, Mapping):
        raise Invalid(f"expected an object, got {type(data).__name__}")
    return {**data, **request.params}
