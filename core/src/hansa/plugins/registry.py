"""The registry of one process: types, formats and services, and which plugin or package each came
from.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Annotated, Any, get_args

from ..contract.kinds import Definition, Format, Guarantee, Placement
from ..contract.records import PlainSettings
from ..contract.registry import (
    RegisteredFormat,
    RegisteredService,
    RegisteredType,
    Registry as RegistryContract,
)
from ..contract.service import Service
from ..foundation.errors import Invalid, NotFound, did_you_mean
from ..settings.model import Model, fields, setting

Types = dict[tuple[str, str], RegisteredType]
Formats = dict[str, RegisteredFormat]


class Clash(Invalid):
    """Two plugins, or two packages, register the same name."""

    code = "clash"


class Registry(RegistryContract):
    """The types, formats and services of one process; every change replaces whole tables, so
    readers need no lock.
    """

    def __init__(self) -> None:
        self._types: Types = {}
        self._formats: Formats = {}
        self._services: dict[str, RegisteredService] = {}
        self._attributes: dict[str, tuple[str, object]] = {}
        self._channel_sections: Mapping[str, builtins.type[Model]] = {}
        self._lock = threading.Lock()

    def add_types(self, plugin: str, classes: Iterable[builtins.type[Definition | Format]]) -> None:
        """Register the types and formats of a plugin; raises `Clash` naming both plugins if one is
        taken.
        """
        with self._lock:
            types = dict(self._types)
            formats = dict(self._formats)
            for cls in classes:
                if isinstance(cls, builtins.type) and issubclass(cls, Format):
                    _add_format(formats, plugin, cls)
                else:
                    _add_type(types, plugin, cls, self._channel_sections)
            self._types = types
            self._formats = formats

    def extend_channels(self, sections: Mapping[str, builtins.type[Model]]) -> None:
        """Have the definitions of all channel types, of those added later too, contain these
        sections of settings, by name.
        """
        if sections == self._channel_sections:
            return
        with self._lock:
            self._channel_sections = dict(sections)
            types = dict(self._types)
            for key, registered in types.items():
                if registered.kind == "channel":
                    model = definition_model(registered.cls, sections)
                    types[key] = replace(registered, model=model)
            self._types = types

    def remove_types(self, plugin: str) -> None:
        """Take the types and formats of a plugin out again, and its attributes of services."""
        with self._lock:
            self._attributes = {
                name: given for name, given in self._attributes.items() if given[0] != plugin
            }
            self._types = {key: one for key, one in self._types.items() if one.plugin != plugin}
            self._formats = {key: one for key, one in self._formats.items() if one.plugin != plugin}

    def type(self, kind: str, type: str) -> RegisteredType:
        """Return a registered type; raises `NotFound` naming the types there are."""
        found = self._types.get((kind, type))
        if found is None:
            names = sorted(name for one, name in self._types if one == kind)
            raise _no_type(kind, type, names)
        return found

    def types(self, kind: str = "") -> Iterator[RegisteredType]:
        """Return the registered types, of one kind or of all, sorted by kind and type."""
        for _, registered in sorted(self._types.items()):
            if kind in ("", registered.kind):
                yield registered

    def format(self, type: str) -> RegisteredFormat:
        """Return a registered format; raises `NotFound` naming the formats there are."""
        found = self._formats.get(type)
        if found is None:
            raise _no_type("format", type, sorted(self._formats))
        return found

    def formats(self) -> list[RegisteredFormat]:
        """Return the registered formats, sorted."""
        table = self._formats
        return [table[name] for name in sorted(table)]

    def replace_services(
        self, origins: str | Collection[str], services: Iterable[RegisteredService]
    ) -> set[str]:
        """Swap the services of some origins for others at once; returns all names touched. Raises
        `Clash` for a taken name.
        """
        replaced = {origins} if isinstance(origins, str) else origins
        with self._lock:
            table = {
                name: service
                for name, service in self._services.items()
                if service.origin not in replaced
            }
            touched = set(self._services) - set(table)
            for service in services:
                taken = table.get(service.name)
                if taken is not None:
                    raise Clash(
                        f"the service {taken.name} of {service.origin} is already given by {taken.origin}"
                    )
                table[service.name] = service
                touched.add(service.name)
            self._services = table
            return touched

    def find_service(self, name: str) -> RegisteredService | None:
        """Return a registered service; None if there is none of this name."""
        return self._services.get(name)

    def service(self, name: str) -> RegisteredService:
        """Return a registered service; raises `NotFound`, with a suggestion if a name is close."""
        found = self._services.get(name)
        if found is None:
            raise NotFound(f"no service is named {name!r}{did_you_mean(name, self._services)}")
        return found

    def services(self) -> list[RegisteredService]:
        """Return the registered services, sorted by name."""
        table = self._services
        return [table[name] for name in sorted(table)]

    def add_attributes(self, plugin: str, attributes: Mapping[str, object]) -> None:
        """Give all services attributes; raises `Clash` for a name that is taken."""
        with self._lock:
            table = dict(self._attributes)
            for name, value in attributes.items():
                if hasattr(Service, name) or name in Service.__annotations__:
                    raise Clash(f"every service has an attribute {name!r} already")
                if name.startswith("_"):
                    raise Clash(f"an attribute of services is not to begin with _: {name!r}")
                if name in table:
                    raise _taken("attribute", name, table[name][0], plugin)
                table[name] = (plugin, value)
            self._attributes = table

    def attribute(self, name: str) -> object:
        """Return what a plugin gives services under this name; raises `NotFound`."""
        found = self._attributes.get(name)
        if found is None:
            raise NotFound(f"no plugin gives services an attribute {name!r}")
        return found[1]


def _no_type(kind: str, type: str, names: list[str]) -> NotFound:
    there = ", ".join(names) or "none: no plugin gives one"
    return NotFound(f"no {kind} of type {type!r} is installed (there are: {there})")


def _add_format(formats: Formats, plugin: str, cls: type[Format]) -> None:
    if not cls.type:
        raise Clash(f"{cls!r} of plugin {plugin} has no kind or type")
    taken = formats.get(cls.type)
    if taken is not None:
        raise _taken("format", cls.type, taken.plugin, plugin)
    formats[cls.type] = RegisteredFormat(cls.type, cls, plugin)


def _add_type(
    types: Types, plugin: str, cls: type[Definition], channel_sections: Mapping[str, type[Model]]
) -> None:
    kind = getattr(cls, "kind", "")
    type = getattr(cls, "type", "")
    if not kind or not type:
        raise Clash(f"{cls!r} of plugin {plugin} has no kind or type")
    _refuse_unknown_values(cls)
    taken = types.get((kind, type))
    if taken is not None:
        raise _taken(kind, type, taken.plugin, plugin)
    sections = channel_sections if kind == "channel" else {}
    types[kind, type] = RegisteredType(kind, type, cls, plugin, definition_model(cls, sections))


def _refuse_unknown_values(cls: type[Definition]) -> None:
    """Raise `Invalid` for a type that is placed, or guarantees something, in a word of its own."""
    known = {"placement": get_args(Placement)}
    if cls.kind == "channel":
        known["delivery"] = get_args(Guarantee)
    faults = {
        f"{cls.__name__}.{name}": f"{getattr(cls, name, None)!r} is not one of {', '.join(values)}"
        for name, values in known.items()
        if getattr(cls, name, None) not in values
    }
    if faults:
        raise Invalid(faults)


def _taken(kind: str, type: str, first: str, second: str) -> Clash:
    return Clash(f"{kind} {type} is given by the plugins {first} and {second}; block one of them")


def definition_model(cls: type[Definition], sections: Mapping[str, type[Model]]) -> type[Model]:
    """Return the model of a whole definition: the type's own settings, the sections of plugins that
    it gets, and what its kind has in common.

    Definitions stored before a section existed name its settings at the top level; they are read as
    if inside it, unless the type has a setting of that name itself.
    """
    own = {one.name for one in (*fields(cls.Config), *fields(cls.common))}
    sections = {name: model for name, model in sections.items() if model.__beside__ in {"", *own}}
    namespace: dict[str, Any] = {
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__annotations__": {name: _section(model) for name, model in sections.items()},
    }
    for name, model in sections.items():
        namespace[name] = field(default_factory=model)
    moved = {
        one.name: name
        for name, model in sections.items()
        for one in fields(model)
        if one.name not in own and one.name not in sections
    }

    def upgrade(model: type[Model], old: PlainSettings) -> PlainSettings:
        return _into_sections(cls.Config.upgrade(old), moved)

    if moved:
        namespace["upgrade"] = classmethod(upgrade)
    words = cls.type.title().replace("-", "")
    return type(f"{cls.kind.title()}{words}", (cls.Config, cls.common), namespace)


def _section(model: type[Model]) -> object:
    """Return the annotation of a section: its model, with the first line of its docstring as help."""
    text = (model.__doc__ or model.__name__).strip().partition("\n")[0]
    return Annotated[model, setting(text)]


def _into_sections(data: PlainSettings, moved: Mapping[str, str]) -> PlainSettings:
    """Move settings of the flat form, by name, into their sections; a setting that stands there
    already is kept.
    """
    found = dict(data)
    for name, section in moved.items():
        if name in found:
            inner = found.get(section, {})
            if not isinstance(inner, dict):
                continue
            value = found.pop(name)
            found[section] = {name: value, **inner}
    return found
