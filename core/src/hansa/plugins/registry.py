"""What this process knows: (kind, type) -> class and service name -> class, and which plugin or package gave each."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..contract.kinds import Format
from ..contract.service import Service
from ..foundation.errors import Invalid, NotFound, did_you_mean
from ..settings.model import Model


class Clash(Invalid):
    """Two plugins, or two packages, give the same name."""


@dataclass(frozen=True, slots=True)
class Known:
    """One registered type: the class, the plugin that gave it, and the model of a whole definition of this type."""

    cls: Any
    plugin: str
    model: type[Model]


@dataclass(frozen=True, slots=True)
class Deployed:
    """One registered service: its class, where it came from (`plugin NAME` or a file), and its version there (0: plugin)."""

    name: str
    cls: type[Service]
    origin: str
    version: int = 0


class Registry:
    """The types and services of one process; every change replaces whole tables, so readers need no lock."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, str], Known] = {}
        self._services: dict[str, Deployed] = {}
        self._lock = threading.Lock()

    def add_types(self, plugin: str, classes: Iterable[type]) -> None:
        """Register the types of a plugin; raises `Clash` naming both plugins if one is taken."""
        with self._lock:
            table = dict(self._types)
            for cls in classes:
                kind, name = getattr(cls, "kind", ""), getattr(cls, "type", "")
                if not kind or not name:
                    raise Clash(f"{cls!r} of plugin {plugin} has no kind or type")
                if taken := table.get((kind, name)):
                    raise Clash(
                        f"{kind} {name} is given by the plugins {taken.plugin} and {plugin}; block one of them"
                    )
                table[kind, name] = Known(cls, plugin, _definition_model(cls))
            self._types = table

    def extend_channels(self, settings: Iterable[type[Model]]) -> None:
        """Give the definitions of all channel types further settings; one that a type has itself stays its own."""
        more = tuple(settings)
        for (kind, type), known in self._types.items() if more else ():
            if kind == "channel":
                self._types[kind, type] = replace(known, model=_definition_model(known.cls, *more))

    def known(self, kind: str, type: str) -> Known:
        """The registered type; raises `NotFound` naming the types there are."""
        if (found := self._types.get((kind, type))) is None:
            there = (
                ", ".join(sorted(t for k, t in self._types if k == kind))
                or "none: no plugin gives one"
            )
            raise NotFound(f"no {kind} of type {type!r} is installed (there are: {there})")
        return found

    def types(self, kind: str | None = None) -> Iterator[tuple[str, str, Known]]:
        """All registered types, sorted, as (kind, type, known)."""
        yield from (
            (k, t, known) for (k, t), known in sorted(self._types.items()) if kind in (None, k)
        )

    def replace_services(
        self, origins: str | Collection[str], services: Iterable[Deployed]
    ) -> set[str]:
        """Swap the services of some origins for others at once; gives all names touched. Raises `Clash` for a taken name."""
        gone = {origins} if isinstance(origins, str) else origins
        with self._lock:
            table = {name: d for name, d in self._services.items() if d.origin not in gone}
            touched = set(self._services) - set(table)
            for deployed in services:
                if taken := table.get(deployed.name):
                    raise Clash(
                        f"the service {taken.name} of {deployed.origin} is already given by {taken.origin}"
                    )
                table[deployed.name] = deployed
                touched.add(deployed.name)
            self._services = table
            return touched

    def service(self, name: str) -> Deployed:
        """The registered service; raises `NotFound`."""
        if (found := self._services.get(name)) is None:
            raise NotFound(f"no service is named {name!r}{did_you_mean(name, self._services)}")
        return found

    def services(self) -> list[Deployed]:
        """All registered services, by name."""
        table = self._services
        return [table[name] for name in sorted(table)]


def _definition_model(cls: Any, *more: type[Model]) -> type[Model]:
    """One model of a whole definition: what its kind has in common, what plugins add, then the type's own settings."""
    if issubclass(cls, Format):
        return Model
    name = f"{cls.kind.title()}{cls.type.title().replace('-', '')}"
    return type(
        name,
        (cls.Config, *more, cls.common),
        {"__doc__": cls.__doc__, "__module__": cls.__module__},
    )
