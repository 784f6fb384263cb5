"""Export: all definitions as plain data by kind, type and name, the same bytes for the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from hansa import DefinitionRecord, Invalid, Key, NotFound, PlainSettings, Server

from .answers import PlainData
from .placeholders import Placeholders
from .settings import secret_names, shortened

SERVICES = "services"
ORDER = ("security", "outgoing", "channel")

Faults: TypeAlias = dict[str, str]

# types whose plugin is not called like them
_PLUGIN_OF = {"schedule": "scheduler", "basic": "security", "apikey": "security"}


def kind_order(kind: str) -> tuple[int, str]:
    """Return the place of a kind: what others refer to comes first."""
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), kind)


def export(
    server: Server, *, services: bool = False, placeholders: Placeholders | None = None
) -> PlainData:
    """Return everything that was defined, without what comes with plugins.

    Defaults are left out; secrets stay encrypted, unless there are to be placeholders for them.
    With `services` the current sources of deployed files come too, under `services`, by file.
    """
    found: PlainData = {}
    records = [record for record in server.definitions.all() if not record.builtin]
    for record in sorted(records, key=lambda one: (kind_order(one.kind), one.key)):
        settings = shorten(server, record)
        if placeholders is not None:
            settings = placeholders.put(record.key, settings, _secrets(server, record))
        types = found.setdefault(record.kind, {})
        types.setdefault(record.type, {})[record.name] = settings
    if services:
        found[SERVICES] = sources(server)
    return found


def shorten(server: Server, record: DefinitionRecord) -> PlainSettings:
    """Return settings as they are exported; whole, if the plugin of their type is gone."""
    try:
        model = server.registry.type(record.kind, record.type).model
    except NotFound:
        return dict(sorted(record.data.items()))
    return shortened(model, record.data)


def _secrets(server: Server, record: DefinitionRecord) -> set[str]:
    """Return the secret settings of a definition; none if the plugin of its type is gone."""
    try:
        return secret_names(server.registry.type(record.kind, record.type).model)
    except NotFound:
        return set()


def sources(server: Server) -> dict[str, str]:
    """Return the sources that serve, by path."""
    found: dict[str, str] = {}
    for package in server.packages.current():
        found |= package.files
    return dict(sorted(found.items()))


def package_of(path: str) -> str:
    """Return the package of a file: itself, or the folder that it is in, with a / at its end."""
    top, slash, _ = path.partition("/")
    return top + slash


def definitions_of(
    config: PlainData, kinds: Iterable[str]
) -> tuple[dict[Key, PlainSettings], Faults]:
    """Return the definitions in an exported file, by key, and the faults of its form, by path."""
    known = sorted(set(kinds), key=kind_order)
    found: dict[Key, PlainSettings] = {}
    faults: Faults = {}
    for kind, types in config.items():
        if kind == SERVICES:
            continue
        if kind not in known:
            there = ", ".join([*known, SERVICES])
            faults[kind] = f"unknown section (there are: {there})"
            continue
        for key, settings in _entries(kind, types, faults):
            if isinstance(settings, dict):
                found[key] = settings
            else:
                faults[".".join(key)] = "expected a table of settings"
    return found, faults


def _entries(kind: str, types: object, faults: Faults) -> Iterator[tuple[Key, object]]:
    """Return the definitions of one kind, by key."""
    if not isinstance(types, dict):
        faults[kind] = "expected a table of types, each with its definitions by name"
        return
    for type, named in types.items():
        if not isinstance(named, dict):
            faults[f"{kind}.{type}"] = "expected a table of definitions by name"
            continue
        for name, settings in named.items():
            yield (kind, type, name), settings


def sources_of(config: PlainData) -> dict[str, str]:
    """Return the sources in an exported file, by file; raises `Invalid`."""
    found = config.get(SERVICES, {})
    if not isinstance(found, dict):
        raise Invalid({SERVICES: "expected a table of sources by file"})
    faults = {
        f"{SERVICES}.{file}": "expected the source as text"
        for file, text in found.items()
        if not isinstance(text, str)
    }
    if faults:
        raise Invalid(faults)
    return dict(found)


def missing_type(kind: str, type: str, there: Iterable[str]) -> str:
    """Return the fault of a definition whose type no loaded plugin registers."""
    names = ", ".join(sorted(there)) or "none"
    return (
        f"no plugin here gives {kind} of type {type} (there are: {names}); "
        f"install the one that does, such as {plugin_of(type)}"
    )


def plugin_of(type: str) -> str:
    """Return the distribution that is likely to provide a type."""
    return f"hansa-{_PLUGIN_OF.get(type, type)}"
