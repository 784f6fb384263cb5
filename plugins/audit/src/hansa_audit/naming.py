"""What a call is about: the names that its caller gave, and those of the settings; never a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from hansa import Model, Request

NAMING = ("name", "more", "file", "files", "server", "version", "id", "ids", "group", "config")
"""The inputs of admin services that hold names, or what is named by their keys."""

Given = Mapping[str, object]


def input_of(request: Request) -> Given:
    """Return what a caller gave, as far as it can be read."""
    data: object = request.payload
    if isinstance(data, Model):
        data = {name: getattr(data, name) for name in data.__dataclass_fields__}
    if request.raw:
        try:
            data = msgspec.json.decode(request.raw)
        except (msgspec.DecodeError, RecursionError):
            data = None
    given = data if isinstance(data, Mapping) else {}
    return {**given, **request.params}


def names_in(given: Given) -> list[str]:
    """Return the names in the input of an admin service."""
    found: list[str] = []
    for key in NAMING:
        value = given.get(key)
        if key == "config":
            found += _definitions_in(value)
        elif key == "version" and isinstance(value, int):
            found.append(f"version {value}")
        else:
            found += _names(value)
    return found


def settings_in(given: Given) -> list[str]:
    """Return the names of the settings in the input of an admin service, sorted: those of a section
    as `limits.rate`.
    """
    found: list[str] = []
    for name, value in given.items():
        if name in NAMING:
            continue
        if isinstance(value, Mapping) and value:
            found += [f"{name}.{inner}" for inner in value]
        else:
            found.append(str(name))
    return sorted(found)


def _names(value: object) -> Iterator[str]:
    """Yield a name, those of a list, or those that the keys of an object are."""
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        yield str(value)
    elif isinstance(value, list | Mapping):
        for one in value:
            if isinstance(one, str | int):
                yield str(one)


def _definitions_in(config: object) -> Iterator[str]:
    """Yield what a configuration defines, as `channel http orders`."""
    for kind, types in _items(config):
        for type, names in _items(types):
            for name, _ in _items(names):
                yield f"{kind} {type} {name}"


def _items(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
