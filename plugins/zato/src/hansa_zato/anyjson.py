"""JSON under the names of the package `anyjson`, which needs Python 2."""

from __future__ import annotations

import json

from .payloads import Value

__all__ = ["deserialize", "dumps", "force_implementation", "loads", "serialize"]


def dumps(value: object) -> str:
    """Return a value as JSON text."""
    return json.dumps(value)


def loads(text: str | bytes) -> Value:
    """Return the value of JSON text or bytes; raises ValueError."""
    return json.loads(text)


serialize = dumps
deserialize = loads


def force_implementation(modname: str) -> None:
    """Do nothing: the standard library does the work."""
