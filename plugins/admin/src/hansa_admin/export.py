"""Export: the definitions of a cluster as plain data by kind, type and name, the same bytes for the same definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hansa import Invalid, NotFound

from .settings import shortened

SERVICES = "services"
ORDER = ("security", "outgoing", "channel")
Key = tuple[str, str, str]

# Types whose plugin is not called like them.
_GIVEN_BY = {"schedule": "scheduler", "basic": "security", "apikey": "security"}


def kind_order(kind: str) -> tuple[int, str]:
    """Where a kind stands: what others refer to comes first."""
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), kind)


def export(server: Any, *, services: bool = False) -> dict[str, Any]:
    """Everything that was defined, without what comes with plugins; defaults are left out, secrets stay encrypted.

    With `services` the current sources of deployed files come too, under `services`, by file.
    """
    found: dict[str, Any] = {}
    for row in sorted(stored(server), key=lambda row: (kind_order(row.kind), row.type, row.name)):
        data = shorten(server, row)
        found.setdefault(row.kind, {}).setdefault(row.type, {})[row.name] = data
    if services:
        found[SERVICES] = sources(server)
    return found


def stored(server: Any) -> Iterator[Any]:
    """The rows of definitions that can be changed."""
    return (row for row in server.definitions.all() if not row.builtin)


def shorten(server: Any, row: Any) -> dict[str, Any]:
    """A row's settings as they are exported; whole, if the plugin of its type is gone."""
    try:
        model = server.registry.type(row.kind, row.type).model
    except NotFound:
        return dict(sorted(row.data.items()))
    return shortened(model, row.data)


def sources(server: Any) -> dict[str, str]:
    """The sources that serve, by path."""
    found: dict[str, str] = {}
    for package in server.packages.current():
        found |= package.files
    return dict(sorted(found.items()))


def package_of(path: str) -> str:
    """The package that a file is part of: itself, or the folder that it is in, with a / at its end."""
    return "".join(path.partition("/")[:2])


def definitions_of(
    config: dict[str, Any], kinds: Iterable[str]
) -> tuple[dict[Key, dict[str, Any]], dict[str, str]]:
    """The definitions in an exported file, by key, and the faults of its form, by path."""
    found: dict[Key, dict[str, Any]] = {}
    faults: dict[str, str] = {}
    known = sorted(set(kinds), key=kind_order)
    for kind, types in config.items():
        if kind == SERVICES:
            continue
        if kind not in known:
            faults[kind] = f"unknown section (there are: {', '.join([*known, SERVICES])})"
        elif not isinstance(types, dict):
            faults[kind] = "expected a table of types, each with its definitions by name"
        else:
            for type, named in types.items():
                if not isinstance(named, dict):
                    faults[f"{kind}.{type}"] = "expected a table of definitions by name"
                    continue
                for name, settings in named.items():
                    if isinstance(settings, dict):
                        found[kind, type, name] = settings
                    else:
                        faults[f"{kind}.{type}.{name}"] = "expected a table of settings"
    return found, faults


def sources_of(config: dict[str, Any]) -> dict[str, str]:
    """The sources in an exported file, by file; raises `Invalid`."""
    found = config.get(SERVICES, {})
    if not isinstance(found, dict):
        raise Invalid({SERVICES: "expected a table of sources by file"})
    wrong = {
        f"{SERVICES}.{file}": "expected the source as text"
        for file, text in found.items()
        if not isinstance(text, str)
    }
    if wrong:
        raise Invalid(wrong)
    return dict(found)


def missing_type(kind: str, type: str, there: Iterable[str]) -> str:
    """The fault of a definition whose type no loaded plugin gives."""
    names = ", ".join(sorted(there)) or "none"
    return (
        f"no plugin here gives {kind} of type {type} (there are: {names}); "
        f"install the one that does, such as hansa-{_GIVEN_BY.get(type, type)}"
    )
