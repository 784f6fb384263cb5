"""The graph of a cluster: its definitions and services, what settings name, and what was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hansa import Registry
from hansa_admin.definition_index import DefinitionSnapshot, States

from ..edges import Edge, End, edges_in, service_end
from ..tally import Series, Table, Tally
from .graph import GONE, Graph, Link, Links, Node, Nodes

SERVICE = "service"
RUNNING = "running"


@dataclass(frozen=True)
class Sources:
    """What a graph is made from: the definitions, their states, the services, and the tallies of a
    span.
    """

    definitions: DefinitionSnapshot
    states: States
    registry: Registry
    table: Table


def graph_of(sources: Sources, kinds: Collection[str]) -> Graph:
    """Return all nodes of these kinds, and all that links them."""
    nodes = _definitions(sources, kinds)
    if SERVICE in kinds:
        nodes |= _services(sources.registry)
    links: Links = {}
    known = _by_name(nodes)
    for source, target, setting in _defined(sources.definitions, known, kinds):
        for end in (source, target):
            nodes.setdefault(end.id, Node(end, GONE))
        links.setdefault((source.id, target.id), Link()).settings.add(setting)
    for edge, tally in edges_in(sources.table).items():
        ends = _resolved(edge, known)
        if not all(end.kind in kinds for end in ends):
            continue
        for end in ends:
            nodes.setdefault(end.id, Node(end, GONE))
        link = links.setdefault((ends[0].id, ends[1].id), Link())
        link.ways.add(edge.how)
        link.tally.merge(tally)
    for node in nodes.values():
        node.tally.merge(sources.table.get(series_of(node.end), Tally()))
    return Graph(nodes, links)


def series_of(end: End) -> Series:
    """Return what the calls of a node are counted by; nothing is by what it returns for a kind that
    makes no calls.
    """
    match end.kind:
        case "service" | "security":
            return (end.kind, end.name)
        case "channel" | "outgoing":
            return (end.kind, f"{end.type} {end.name}")
    return ("edge", "")


def _definitions(sources: Sources, kinds: Collection[str]) -> Nodes:
    nodes: Nodes = {}
    for record in sources.definitions.records:
        if record.kind in kinds:
            end = End(*record.key)
            state = sources.states.of(record).state
            nodes[end.id] = Node(end, state, is_builtin=record.builtin)
    return nodes


def _services(registry: Registry) -> Nodes:
    nodes: Nodes = {}
    for service in registry.services():
        end = service_end(service.name)
        is_builtin = service.comes_with_plugin
        nodes[end.id] = Node(end, RUNNING, part=service.origin, is_builtin=is_builtin)
    return nodes


def _defined(
    definitions: DefinitionSnapshot,
    known: Mapping[tuple[str, str], End],
    kinds: Collection[str],
) -> Iterator[tuple[End, End, str]]:
    """Yield what settings name, as both ends, in the direction of calls, and the setting. What
    identifies the callers of a channel is before it.
    """
    for (kind, type, name), uses in definitions.uses.items():
        if kind not in kinds:
            continue
        target = End(kind, type, name) if type else known.get((kind, name), End(kind, "", name))
        for use in uses:
            source = End(*use.user)
            if source.kind not in kinds:
                continue
            if kind == "security" and source.kind == "channel":
                yield target, source, use.setting
            else:
                yield source, target, use.setting


def _by_name(nodes: Nodes) -> Mapping[tuple[str, str], End]:
    """Return the ends by kind and name, for what is named without its type."""
    return {(node.end.kind, node.end.name): node.end for node in nodes.values()}


def _resolved(edge: Edge, known: Mapping[tuple[str, str], End]) -> tuple[End, End]:
    """Return the ends of an edge with their types, as far as they are known."""
    source, target = (
        end if end.type else known.get((end.kind, end.name), end)
        for end in (edge.source, edge.target)
    )
    return source, target
