"""Groups of nodes, where there are too many to show each: at the finest level that is coarse enough."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, TypeAlias, get_args

from hansa_admin.answers import WORST_FIRST

from ..edges import End
from .graph import GONE, Graph, Node

Level: TypeAlias = Literal["part", "prefix", "kind"]
"""What a group has in common: services their file, definitions their type and the first word of
their names; services the first word of their file, definitions their type; their kind.
"""
LEVELS: tuple[Level, ...] = get_args(Level)
_WORD = re.compile(r"[^\s._/:\-\d]+")
"""The first word of a name, without a number behind it."""


def grouped(
    graph: Graph, most_nodes: int, most_links: int, *, apart: Collection[str] = ()
) -> tuple[Graph, Level]:
    """Return a graph of at most so many nodes and links, as far as groups make it one, and the level
    of its groups. Nodes that are `apart` are in none.
    """
    for level in LEVELS:
        found = at_level(graph, level, apart=apart)
        if len(found.nodes) <= most_nodes and len(found.links) <= most_links:
            break
    return found, level


def at_level(graph: Graph, level: Level, *, apart: Collection[str] = ()) -> Graph:
    """Return a graph with groups of a level; a node that has none with it stays as it is."""
    members: dict[str, list[Node]] = {}
    for id, node in graph.nodes.items():
        if id not in apart:
            members.setdefault(group_of(node, level), []).append(node)
    groups: dict[str, Node] = {}
    for group, nodes in members.items():
        if len(nodes) > 1:
            groups |= dict.fromkeys((node.id for node in nodes), _joined(group, level, nodes))
    return graph.joined(groups)


def group_of(node: Node, level: Level) -> str:
    """Return the id of the group of a node: that of no node, since it begins with the level."""
    return " ".join((level, *_key(node, level)))


def members_of(graph: Graph, group: str) -> set[str]:
    """Return the ids of the nodes of a group; none if there is no such group."""
    named = group.partition(" ")[0]
    return {
        id
        for level in LEVELS
        if level == named
        for id, node in graph.nodes.items()
        if group_of(node, level) == group
    }


def _key(node: Node, level: Level) -> tuple[str, ...]:
    end = node.end
    match level:
        case "part":
            return (end.kind, node.part) if node.part else (end.kind, end.type, _word(end.name))
        case "prefix":
            return (end.kind, _word(node.part)) if node.part else (end.kind, end.type)
    return (end.kind,)


def _word(name: str) -> str:
    found = _WORD.match(name)
    return name if found is None else found[0]


def _joined(group: str, level: Level, nodes: list[Node]) -> Node:
    """Return a node that stands for several."""
    first = nodes[0].end
    types = {node.end.type for node in nodes}
    name = _label(nodes[0], level)
    found = Node(End(first.kind, first.type if len(types) == 1 else "", name), group=group)
    found.members = len(nodes)
    found.state = worst({node.state for node in nodes})
    for node in nodes:
        found.tally.merge(node.tally)
    return found


def _label(node: Node, level: Level) -> str:
    """Return what a group is called beside its kind and type."""
    match level:
        case "part":
            return node.part or f"{_word(node.end.name)}…"
        case "prefix":
            return f"{_word(node.part)}…" if node.part else node.end.type
    return f"all {node.end.kind}"


def worst(states: Collection[str]) -> str:
    """Return one word for several states."""
    for state in (*WORST_FIRST, GONE):
        if state in states:
            return state
    return next(iter(states), "")
