"""`self.outgoing` of services: one mapping per type of outgoing connection, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..contract.kinds import Definition
from ..contract.server import Named as NamedContract, OutgoingConnections
from ..foundation.errors import NotFound, Undefined

if TYPE_CHECKING:
    from .objects import Objects


@dataclass(frozen=True)
class Named(NamedContract):
    """The running outgoing connections of one type, by name."""

    _objects: Objects
    _type: str

    def __getitem__(self, name: str) -> Definition:
        try:
            return self._objects.get("outgoing", self._type, name)
        except NotFound as error:
            raise Undefined.of(error) from None

    def names(self) -> list[str]:
        """Return the names that are defined, sorted."""
        return self._objects.names("outgoing", self._type)


class Namespace(OutgoingConnections):
    """The outgoing connections of a worker: `outgoing.TYPE["name"]`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __getattr__(self, type: str) -> Named:
        if type.startswith("__"):
            raise AttributeError(type)
        # kept, so that the next look-up finds a plain attribute
        named = Named(self._objects, type)
        self.__dict__[type] = named
        return named

    def __getitem__(self, type: str) -> Named:
        found: Named = getattr(self, type)
        return found
