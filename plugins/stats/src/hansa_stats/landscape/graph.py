"""A graph of definitions and services: what it is made of, and how parts of it are chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..edges import End
from ..tally import Tally

GONE = "gone"
"""The state of what was seen, and is no longer there."""


@dataclass(slots=True)
class Node:
    """A definition or a service, or a group of them: then `members` is their number.

    `part` is the file or folder of a service; `is_builtin` if it comes with a plugin. The tally has
    its calls in the span that is looked at.
    """

    end: End
    state: str = ""
    part: str = ""
    is_builtin: bool = False
    members: int = 1
    group: str = ""
    tally: Tally = field(default_factory=Tally)

    @property
    def id(self) -> str:
        """What tells it from all others."""
        return self.group or self.end.id


@dataclass(slots=True)
class Link:
    """One node calls or names another: by which settings it is defined, and how it was seen."""

    settings: set[str] = field(default_factory=set)
    ways: set[str] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)

    def merge(self, other: Link) -> None:
        """Add what is known of another link between the same nodes."""
        self.settings |= other.settings
        self.ways |= other.ways
        self.tally.merge(other.tally)


Nodes: TypeAlias = dict[str, Node]
"""Nodes by their ids."""
Links: TypeAlias = dict[tuple[str, str], Link]
"""Links by the ids of the nodes from and to which they lead."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and links; both ends of each link are among the nodes."""

    nodes: Nodes
    links: Links

    def of(self, ids: Collection[str]) -> Graph:
        """Return the part that these nodes and the links between them are."""
        nodes = {id: node for id, node in self.nodes.items() if id in ids}
        links = {
            (source, target): link
            for (source, target), link in self.links.items()
            if source in ids and target in ids
        }
        return Graph(nodes, links)

    def without_builtin(self) -> Graph:
        """Return it without what comes with plugins, unless it is linked to something that does
        not.
        """
        own = {id for id, node in self.nodes.items() if not node.is_builtin}
        kept = set(own)
        for source, target in self.links:
            if source in own or target in own:
                kept |= {source, target}
        links = {pair: link for pair, link in self.links.items() if not own.isdisjoint(pair)}
        return Graph(self.of(kept).nodes, links)

    def around(self, ids: Collection[str], depth: int) -> Graph:
        """Return the part that leads to these nodes, and that they lead to, in so many steps."""
        forward: dict[str, list[str]] = {}
        back: dict[str, list[str]] = {}
        for source, target in self.links:
            forward.setdefault(source, []).append(target)
            back.setdefault(target, []).append(source)
        return self.of(_reached(ids, forward, depth) | _reached(ids, back, depth))

    def filtered(self, has_node: Callable[[Node], bool], has_link: Callable[[Link], bool]) -> Graph:
        """Return the nodes and the links that fulfil a condition, with the ends of these links."""
        links = {pair: link for pair, link in self.links.items() if has_link(link)}
        kept = {id for pair in links for id in pair}
        nodes = {id: node for id, node in self.nodes.items() if id in kept or has_node(node)}
        return Graph(nodes, links)

    def named(self, text: str) -> Graph:
        """Return the nodes whose names contain a text, in upper or lower case, and those that are
        linked to them.
        """
        wanted = text.lower()
        found = {id for id, node in self.nodes.items() if wanted in node.end.name.lower()}
        links = {pair: link for pair, link in self.links.items() if not found.isdisjoint(pair)}
        kept = found.union(*links)
        return Graph(self.of(kept).nodes, links)

    def joined(self, groups: Mapping[str, Node]) -> Graph:
        """Return it with the group of a node, by its id, in the place of each node that has one."""
        nodes: Nodes = {}
        for id, node in self.nodes.items():
            place = groups.get(id, node)
            nodes[place.id] = place
        links: Links = {}
        for (source, target), link in self.links.items():
            ends = (_place(source, groups), _place(target, groups))
            links.setdefault(ends, Link()).merge(link)
        return Graph(nodes, links)


def _place(id: str, groups: Mapping[str, Node]) -> str:
    group = groups.get(id)
    return id if group is None else group.id


def _reached(ids: Iterable[str], following: Mapping[str, list[str]], depth: int) -> set[str]:
    found = set(ids)
    edge = found
    for _ in range(depth):
        edge = {after for id in edge for after in following.get(id, ())} - found
        found = found | edge
    return found
