"""What a test hands in by name, and the outgoing connections of a local server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hansa import NotFound, OutgoingConnections, Undefined

ValueT = TypeVar("ValueT")


class Named(dict[str, ValueT]):
    """Things by name; `what` names their kind in messages.

    A missing one raises `missing`, as in a real server.
    """

    def __init__(
        self, what: str, items: Mapping[str, ValueT], missing: type[NotFound] = NotFound
    ) -> None:
        super().__init__(items)
        self._what = what
        self._missing = missing

    def __missing__(self, name: str) -> ValueT:
        there = ", ".join(self.names()) or "none"
        raise self._missing(f"no {self._what} is named {name!r} in this test (there are: {there})")

    def names(self) -> list[str]:
        """Return the names that there are, sorted."""
        return sorted(self)


class LocalOutgoing(OutgoingConnections):
    """The outgoing connections that a test hands in, real ones or fakes, by type and name."""

    def __init__(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types = {type: _named(type, items) for type, items in types.items()}

    def __getattr__(self, type: str) -> Named[Any]:
        """Return the connections of a type."""
        if type.startswith("__"):
            raise AttributeError(type)
        return self[type]

    def __getitem__(self, type: str) -> Named[Any]:
        """Return the connections of a type, also of one whose name is not an identifier."""
        return self._types.get(type) or _named(type, {})


def _named(type: str, items: Mapping[str, Any]) -> Named[Any]:
    return Named(f"outgoing {type}", items, missing=Undefined)
