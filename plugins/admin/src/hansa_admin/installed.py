"""The description of the admin API as installed, where no server runs."""

from __future__ import annotations

from typing import cast

from hansa import DefinitionRecord, Model, Registry, Server

from .answers import PlainData
from .openapi import openapi
from .operation import Operation


class Nowhere:
    """What the description reads of a server: that it has no definitions, and default settings."""

    name = "no server"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.definitions = self

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        """Return no definitions."""
        return []

    def section(self, model: type[Model]) -> Model:
        """Return the defaults of a section."""
        return model()


def describe(registry: Registry) -> PlainData:
    """Return the OpenAPI description of the admin services in a registry."""
    nowhere = cast(Server, Nowhere(registry))
    services = [one.cls for one in registry.services()]
    return openapi([cls for cls in services if issubclass(cls, Operation)], nowhere)
