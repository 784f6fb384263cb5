"""Who calls whom: what calls are counted by besides, and how that is named where it is stored."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from .tally import Series, Table, Tally

How: TypeAlias = Literal["channel", "invoke", "invoke_async", "security"]
"""How one calls another: a channel its service; a service another one, or a connection; a service
another one through the queue; a caller that a security definition vouches for a channel.
"""
_SEPARATOR = "\t"
"""Between the parts of a name: no definition has it in its own."""


class End(NamedTuple):
    """One end of an edge: a definition, or a service, whose type is empty."""

    kind: str
    type: str
    name: str

    @property
    def id(self) -> str:
        """Its kind, its type if it has one, and its name, separated by spaces."""
        return f"{self.kind} {self.type} {self.name}" if self.type else f"{self.kind} {self.name}"


class Edge(NamedTuple):
    """One calls another."""

    source: End
    target: End
    how: How


def service_end(name: str) -> End:
    """Return the end that is a service."""
    return End("service", "", name)


def series_of_edge(edge: Edge) -> Series:
    """Return what the calls of an edge are counted by."""
    return ("edge", _SEPARATOR.join((edge.how, *edge.source, *edge.target)))


def edge_of(name: str) -> Edge | None:
    """Return the edge of the name of a series; None for one of another version."""
    how, *ends = name.split(_SEPARATOR)
    if len(ends) != 6:
        return None
    source = End(*ends[:3])
    target = End(*ends[3:])
    match how:
        case "channel" | "invoke" | "invoke_async" | "security":
            return Edge(source, target, how)
    return None


def edges_in(table: Table) -> dict[Edge, Tally]:
    """Return the tallies of the edges of a table."""
    found = {}
    for (kind, name), tally in table.items():
        edge = edge_of(name) if kind == "edge" else None
        if edge is not None:
            found[edge] = tally
    return found
