"""The base of all admin services: they read their input strictly, and answer plain data."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from hansa import (
    Binding,
    Dispatch,
    Format,
    Invalid,
    Model,
    PlainSettings,
    Request,
    Response,
    Server,
    Service,
    current_service,
    dump,
    load,
    typed_parameters,
)

from .administration import name_of
from .reading import read_object
from .rights import Finality, Right

LARGEST_NUMBER = 2**31 - 1
"""Largest number of a revision or a version, and the largest that a page of them begins at: those
of an integer column in the operational database (ODB).
"""


def require_number(setting: str, number: int | None) -> None:
    """Raise `Invalid` for what is the number of no revision and of no version; None is left out."""
    if number is not None and not 0 <= number <= LARGEST_NUMBER:
        raise Invalid({setting: f"is not between 0 and {LARGEST_NUMBER}"})


class Nothing(Model):
    """No input."""


class Operation(Service):
    """A service of the admin API: unknown settings and duplicate keys are refused, whoever calls
    it.

    The first sentence of its docstring is its help on the command line and in the description of
    the API; `listed` says whether it appears there. `runs_services`: how long it takes depends on a
    service, so that it gets none of the threads that are kept for the admin API. `right` is what
    its callers must be allowed; by default that of the highest role, None for what any caller may
    who is let in. `recorded`: an audit log has its calls, unless the right says that they change
    nothing. `final` says whether callers who logged in a while ago have to confirm it with their
    password; one that is `sometimes` overrides `is_final`, or has its edits judged.
    """

    abstract: ClassVar[bool] = True
    listed: ClassVar[bool] = True
    recorded: ClassVar[bool] = True
    runs_services: ClassVar[bool] = False
    right: ClassVar[Right | None] = "administer"
    final: ClassVar[Finality] = "never"
    Input: ClassVar[Any] = Nothing

    @classmethod
    def read(cls, data: PlainSettings, server: Server) -> Any:
        """Return what `handle` finds as `self.request.input`; raises `Invalid` with all faults."""
        return load(cls.Input, data)

    @classmethod
    def is_final(cls, data: PlainSettings) -> bool:
        """Whether a call with this input, which is not validated yet, is final."""
        return cls.final == "always"

    @classmethod
    def compile(cls, binding: Binding) -> Dispatch:
        """Build the callable that handles a request: strict reading, the service, plain data."""
        server = binding.server
        log = logging.getLogger(f"hansa.service.{binding.name}")
        format = binding.format

        def call(request: Request) -> Response:
            request.input = cls.read(settings_of(request, cls.Input), server)
            service = cls()
            service.request = request
            service.server = server
            service.log = log
            response = service.response = Response()
            token = current_service.set(binding.name)
            try:
                answer = service.handle()
            finally:
                current_service.reset(token)
            if answer is not None:
                response.payload = answer if isinstance(answer, bytes) else dump(answer)
            _render(response, format)
            return response

        return call

    @property
    def caller(self) -> str:
        """The name of the caller, for the change log; an empty text for an internal call."""
        return name_of(self.request.principal)


def _render(response: Response, format: Format | None) -> None:
    """Turn the payload of a response into bytes, unless it stays an object for lack of a format."""
    if isinstance(response.payload, bytes):
        response.raw = response.payload
    elif format is not None and response.payload is not None:
        response.raw, content_type = format.write(response.payload)
        response.content_type = response.content_type or content_type


def settings_of(request: Request, model: type[Model]) -> PlainSettings:
    """Return the input of a request: its JSON body, or an object, and parameters of path and query,
    which are converted to the types that `model` declares.

    Raises `Invalid` for what is no object.
    """
    data = read_object(request.raw) if request.raw else request.payload
    if data is None:
        data = {}
    if isinstance(data, Model):
        data = dump(data, str)
    if not isinstance(data, Mapping):
        raise Invalid(f"expected an object, got {type(data).__name__}")
    if not request.params:
        return dict(data)
    return {**data, **typed_parameters(model, request.params)}
