"""Dictionaries with attribute access, as the package `bunch` offers them; that package needs Python 2, this one does not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Bunch", "bunchify", "unbunchify"]


class Bunch(dict[str, Any]):
    """A dictionary whose items are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in sorted(self.items(), key=str))})"

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self]

    def copy(self) -> Bunch:
        """A shallow copy, of the same kind."""
        return type(self)(self)

    def toDict(self) -> dict[str, Any]:
        """Plain dictionaries, at every depth."""
        plain: dict[str, Any] = unbunchify(self)
        return plain

    def toJSON(self, **options: Any) -> str:
        """JSON text; `options` are those of `json.dumps`."""
        return json.dumps(self, **options)

    @staticmethod
    def fromDict(data: Mapping[str, Any]) -> Bunch:
        """Bunches, at every depth."""
        made: Bunch = bunchify(data)
        return made


def bunchify(data: Any) -> Any:
    """Copy plain data so that each dictionary in it becomes a Bunch; other values stay what they are."""
    if isinstance(data, Mapping):
        return Bunch((key, bunchify(value)) for key, value in data.items())
    if type(data) in (list, tuple):
        return type(data)(bunchify(item) for item in data)
    return data


def unbunchify(data: Any) -> Any:
    """Copy data so that each Bunch in it becomes a plain dictionary."""
    if isinstance(data, Mapping):
        return {key: unbunchify(value) for key, value in data.items()}
    if type(data) in (list, tuple):
        return type(data)(unbunchify(item) for item in data)
    return data
