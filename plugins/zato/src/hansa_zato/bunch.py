"""Dictionaries with attribute access, as the package `bunch` offers them.

That package needs Python 2, this one does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from .payloads import PlainDict, Value

__all__ = ["Bunch", "bunchify", "unbunchify"]


class Bunch(PlainDict):
    """A dictionary whose items are attributes, too."""

    def __getattr__(self, name: str) -> Value:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        items = sorted(self.items(), key=str)
        arguments = ", ".join(f"{key}={value!r}" for key, value in items)
        return f"{type(self).__name__}({arguments})"

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self]

    def copy(self) -> Bunch:
        """Return a shallow copy, of the same class."""
        return type(self)(self)

    def toDict(self) -> PlainDict:
        """Return plain dictionaries, at every depth."""
        plain: PlainDict = unbunchify(self)
        return plain

    def toJSON(self, **options: Value) -> str:
        """Return JSON text; `options` are those of `json.dumps`."""
        return json.dumps(self, **options)

    @staticmethod
    def fromDict(data: Mapping[str, object]) -> Bunch:
        """Return bunches, at every depth."""
        made: Bunch = bunchify(data)
        return made


def bunchify(data: Value) -> Value:
    """Return a copy of plain data in which each dictionary is a Bunch.

    Other values stay as they are.
    """
    if isinstance(data, Mapping):
        return Bunch((key, bunchify(value)) for key, value in data.items())
    if type(data) in (list, tuple):
        return type(data)(bunchify(item) for item in data)
    return data


def unbunchify(data: Value) -> Value:
    """Return a copy of data in which each Bunch is a plain dictionary."""
    if isinstance(data, Mapping):
        return {key: unbunchify(value) for key, value in data.items()}
    if type(data) in (list, tuple):
        return type(data)(unbunchify(item) for item in data)
    return data
