"""The types of SimpleIO elements that hold more than one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .types import ForceType
from .values import NOT_GIVEN, as_text, shown


class CSV(ForceType):
    """A list for the service, texts joined by commas in messages."""

    def read(self, value: object) -> object:
        return list(value) if isinstance(value, list | tuple) else as_text(value).split(",")

    def write(self, value: object) -> object:
        if isinstance(value, str | bytes):
            return as_text(value)
        if not isinstance(value, Iterable):
            raise ValueError(f"expected a list, got {shown(value)}")
        return ",".join(as_text(item) for item in value)


class List(ForceType):
    """A list; a single scalar, such as a query parameter given once, is a list of one."""

    xml = "list"
    python = list

    def read(self, value: object) -> object:
        return _as_list(value)

    def write(self, value: object) -> object:
        return [ForceType.write(self, item) for item in _as_list(value)]


class Dict(ForceType):
    """A dictionary. `Dict(name, key, ...)` takes these keys only.

    Each must be there unless there is a `default`.
    """

    xml = "dict"
    python = dict

    def read(self, value: object) -> object:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected a dictionary, got {shown(value)}")
        if not self.args:
            return dict(value)
        missing = [key for key in self.args if key not in value]
        if missing and self.default is NOT_GIVEN:
            raise ValueError(f"required, and missing in it: {', '.join(missing)}")
        return {key: value.get(key, self.default) for key in self.args}

    write = read


class ListOfDicts(ForceType):
    """A list of dictionaries."""

    xml = "dicts"
    python = list

    def read(self, value: object) -> object:
        items = [value] if isinstance(value, Mapping) else value
        if not isinstance(items, list | tuple):
            raise ValueError(f"expected a list of dictionaries, got {shown(value)}")
        if not all(isinstance(item, Mapping) for item in items):
            raise ValueError(f"expected a list of dictionaries, got {shown(value)}")
        return [dict(item) for item in items]

    write = read


class Opaque(ForceType):
    """Anything, at any depth, untouched."""

    xml = "data"
    python = Any


def _as_list(value: object) -> list[object]:
    if isinstance(value, dict):
        raise ValueError(f"expected a list, got {shown(value)}")
    return list(value) if isinstance(value, list | tuple | set) else [value]
