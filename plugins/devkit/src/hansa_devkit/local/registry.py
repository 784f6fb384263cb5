"""The types, formats and services that a local server knows: those that a test hands in."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping

from hansa import (
    Definition,
    Format,
    Model,
    NotFound,
    RegisteredFormat,
    RegisteredService,
    RegisteredType,
    Registry,
    Service,
)

from .named import Named

PLUGIN = "test"


def definition_model(cls: builtins.type[Definition]) -> builtins.type[Model]:
    """Return the model of a whole definition: the type's own settings, and those of its kind."""
    return type("Definition", (cls.Config, cls.common), {"__doc__": cls.__doc__})


class LocalRegistry(Registry):
    """What a test hands in. A service may be a class, a function of the payload, or a plain answer."""

    def __init__(
        self,
        types: Iterable[builtins.type[Definition]],
        formats: Mapping[str, builtins.type[Format]],
        services: Named[object],
        attributes: Mapping[str, object],
    ) -> None:
        self._types = {(cls.kind, cls.type): cls for cls in types}
        self._formats = Named("format", formats)
        self._services = services
        self._attributes = attributes

    def type(self, kind: str, type: str) -> RegisteredType:
        """Return a type; raises `NotFound`."""
        cls = self._types.get((kind, type))
        if cls is None:
            raise NotFound(f"no {kind} of type {type!r} is in this test; hand it in as types=[...]")
        return RegisteredType(kind, type, cls, PLUGIN, definition_model(cls))

    def types(self, kind: str = "") -> list[RegisteredType]:
        """Return the types, of one kind or of all, sorted."""
        return [self.type(*key) for key in sorted(self._types) if kind in ("", key[0])]

    def format(self, type: str) -> RegisteredFormat:
        """Return a format; raises `NotFound`."""
        return RegisteredFormat(type, self._formats[type], PLUGIN)

    def formats(self) -> list[RegisteredFormat]:
        """Return the formats, sorted."""
        return [self.format(name) for name in self._formats.names()]

    def find_service(self, name: str) -> RegisteredService | None:
        """Return a service as a class; None if there is none of this name."""
        return self.service(name) if name in self._services else None

    def service(self, name: str) -> RegisteredService:
        """Return a service as a class; raises `NotFound`."""
        return RegisteredService(name, _service_class(name, self._services[name]), PLUGIN)

    def services(self) -> list[RegisteredService]:
        """Return the services, sorted."""
        return [self.service(name) for name in self._services.names()]

    def attribute(self, name: str) -> object:
        """Return what the test gives services under this name; raises `NotFound`."""
        if name not in self._attributes:
            raise NotFound(
                f"no attribute {name!r} is in this test; hand it in as attributes={{...}}"
            )
        return self._attributes[name]


def _service_class(service_name: str, given: object) -> builtins.type[Service]:
    if isinstance(given, type) and issubclass(given, Service):
        return given

    class Answer(Service):
        """Answers as the test says."""

        name = service_name

        def handle(self) -> object:
            """Return the answer, or what a function makes of the payload."""
            return given(self.request.input) if callable(given) else given

    return Answer
