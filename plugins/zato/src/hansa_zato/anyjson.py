"""JSON under the names of the package `anyjson`, which needs Python 2."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["deserialize", "dumps", "force_implementation", "loads", "serialize"]


def dumps(value: Any) -> str:
    """JSON text of a value."""
    return json.dumps(value)


def loads(text: str | bytes) -> Any:
    """The value that JSON text or bytes stand for; raises ValueError."""
    return json.loads(text)


serialize, deserialize = dumps, loads


def force_implementation(modname: str) -> None:
    """Accepted and without effect: the standard library does the work."""
