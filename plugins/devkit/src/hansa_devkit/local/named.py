"""What a test hands in by name, and the outgoing connections of a local server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hansa import NotFound, OutgoingConnections

ValueT = TypeVar("ValueT")


class Named(dict[str, ValueT]):
    """Things by name, where a missing one raises `NotFound`, as in a real server; `what` names
    their kind in messages.
    """

    def __init__(self, what: str, items: Mapping[str, ValueT]) -> None:
        super().__init__(items)
        self._what = what

    def __missing__(self, name: str) -> ValueT:
        there = ", ".join(self.names()) or "none"
        raise NotFound(f"no {self._what} is named {name!r} in this test (there are: {there})")

    def names(self) -> list[str]:
        """Return the names that there are, sorted."""
        return sorted(self)


class LocalOutgoing(OutgoingConnections):
    """The outgoing connections that a test hands in, real ones or fakes, by type and name."""

    def __init__(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types = {type: Named(f"outgoing {type}", items) for type, items in types.items()}

    def __getattr__(self, type: str) -> Named[Any]:
        """Return the connections of a type."""
        if type.startswith("__"):
            raise AttributeError(type)
        return self[type]

    def __getitem__(self, type: str) -> Named[Any]:
        """Return the connections of a type, also of one whose name is not an identifier."""
        return self._types.get(type) or Named(f"outgoing {type}", {})
