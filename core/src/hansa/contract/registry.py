"""What a process knows: registered types, formats and services, each with the plugin or package it
came from.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..settings.model import Model
from .kinds import Definition, Format
from .service import Service


@dataclass(frozen=True, slots=True)
class RegisteredType:
    """One type: its class, the plugin that registered it, and the model of a whole definition.

    `model` has the type's own settings, those that every definition of the kind has, and those that
    plugins add to channels.
    """

    kind: str
    type: str
    cls: builtins.type[Definition]
    plugin: str
    model: builtins.type[Model]

    @property
    def path(self) -> tuple[str, ...]:
        """The words by which admin services and commands name the type: its kind and its own name,
        or the one word that is both, as of a kind with a single type.
        """
        return (self.kind,) if self.kind == self.type else (self.kind, self.type)


@dataclass(frozen=True, slots=True)
class RegisteredFormat:
    """One data format: its class and the plugin that registered it."""

    type: str
    cls: builtins.type[Format]
    plugin: str


@dataclass(frozen=True, slots=True)
class RegisteredService:
    """One service: its class, where it came from (`plugin NAME`, or a package), and its version
    there (0 for a plugin).
    """

    name: str
    cls: builtins.type[Service]
    origin: str
    version: int = 0

    @property
    def comes_with_plugin(self) -> bool:
        """Whether a plugin registers it, so that it was not deployed."""
        return self.version == 0


class Registry(Protocol):
    """The types, formats and services of this process. Lookups take no lock: every change replaces
    whole tables.
    """

    def type(self, kind: str, type: str) -> RegisteredType:
        """Return a registered type; raises `NotFound` naming the types there are."""

    def types(self, kind: str = "") -> Iterable[RegisteredType]:
        """Return the registered types, of one kind or of all, sorted by kind and type."""

    def format(self, type: str) -> RegisteredFormat:
        """Return a registered format; raises `NotFound` naming the formats there are."""

    def formats(self) -> Iterable[RegisteredFormat]:
        """Return the registered formats, sorted."""

    def find_service(self, name: str) -> RegisteredService | None:
        """Return a registered service; None if there is none of this name."""

    def service(self, name: str) -> RegisteredService:
        """Return a registered service; raises `NotFound`, with a suggestion if a name is close."""

    def services(self) -> list[RegisteredService]:
        """Return the registered services, sorted by name."""

    def attribute(self, name: str) -> object:
        """Return what a plugin gives services under this name, by `hansa_attributes`; raises
        `NotFound`.
        """
