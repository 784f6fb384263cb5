"""The admin service of the landscape: `admin.landscape.get`."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Model, NotFound, setting
from hansa_admin.administration import Administration
from hansa_admin.definition_index import States
from hansa_admin.operation import Operation

from ..buckets import percentile
from ..choices import Grouping, Seen
from ..spans import AskedSpan, Span
from ..statistics import Statistics
from ..tally import Tally
from .building import Sources, graph_of
from .graph import Graph, Link, Node
from .grouping import Level, grouped, members_of

MOST_NODES = 150
MOST_EDGES = 400
"""Nodes and edges above which nodes are grouped, unless that is asked for otherwise."""
KINDS = ("channel", "service", "outgoing")


class AskedLandscape(AskedSpan):
    """Which part of the landscape to return."""

    focus: Annotated[
        str,
        setting(
            "Only what leads to this node, and what it leads to: the id of a node or of a group",
            example="service orders.get",
        ),
    ] = ""
    depth: Annotated[int, setting("Number of steps around the focus", ge=1, le=3)] = 1
    text: Annotated[
        str,
        setting(
            "Only nodes whose names contain this text, in upper or lower case, and what they are "
            "linked to"
        ),
    ] = ""
    seen: Annotated[
        Seen, setting("Only what was called in the span, or only what never was in it")
    ] = "any"
    errors: Annotated[bool, setting("Only what failed")] = False
    kinds: Annotated[
        list[str],
        setting("Kinds of nodes, such as security besides these", min_length=1, max_length=50),
    ] = list(KINDS)
    builtin: Annotated[bool, setting("Also what comes with plugins, and nothing else uses")] = False
    group: Annotated[
        Grouping,
        setting(
            "Whether to put nodes together in groups: services by file, definitions by type; auto: "
            f"if there are more than {MOST_NODES} nodes or {MOST_EDGES} edges"
        ),
    ] = "auto"


class LandscapeNode(Model):
    """A definition or a service, or a group of them."""

    id: Annotated[str, setting("What tells it from all others")]
    kind: Annotated[str, setting("Its kind")]
    type: Annotated[str, setting("Its type; empty for a service, and for several types")]
    name: Annotated[str, setting("Its name")]
    members: Annotated[int, setting("Number of nodes in the group; 1 if it is none")]
    file: Annotated[str, setting("File or plugin that a service comes from")]
    state: Annotated[str, setting("The worst of its states in all workers; gone: it is not there")]
    count: Annotated[int, setting("Number of its calls in the span")]
    errors: Annotated[int, setting("Number of these calls that failed")]
    rate: Annotated[float, setting("Calls per second, on average")]
    last: Annotated[
        float, setting("Its last call in the span, in seconds of the Unix epoch; 0 if none")
    ]


class LandscapeEdge(Model):
    """A node calls another one, or names it in its settings."""

    source: Annotated[str, setting("Id of the node that calls")]
    target: Annotated[str, setting("Id of the node that is called")]
    status: Annotated[
        Literal["defined", "observed", "both"],
        setting("Whether settings define it, calls were observed in the span, or both"),
    ]
    settings: Annotated[list[str], setting("Settings by which it is defined")]
    ways: Annotated[
        list[str], setting("How it was called: channel, invoke, invoke_async, security")
    ]
    count: Annotated[int, setting("Number of calls in the span")]
    errors: Annotated[int, setting("Number of these calls that failed")]
    rate: Annotated[float, setting("Calls per second, on average")]
    p95: Annotated[float, setting("Duration that 95 % of the calls did not exceed, in ms")]
    last: Annotated[
        float, setting("The last call in the span, in seconds of the Unix epoch; 0 if none")
    ]


class Landscape(Model):
    """Nodes and edges."""

    since: Annotated[float, setting("Begin of the span, in seconds of the Unix epoch")]
    until: Annotated[float, setting("End of the span")]
    revision: Annotated[int, setting("Revision of the cluster that it shows")]
    nodes: Annotated[list[LandscapeNode], setting("Nodes, by kind and id")]
    edges: Annotated[list[LandscapeEdge], setting("Edges, by the ids of their nodes")]
    total: Annotated[int, setting("Number of nodes before they were grouped")]
    level: Annotated[
        Literal["", "part", "prefix", "kind"],
        setting(
            "What groups have in common: services their file, definitions their type and the first "
            "word of their names; services the first word of their file, definitions their type; "
            "or their kind; empty if there are none"
        ),
    ]


class LandscapeGet(Operation):
    """Show who calls whom: channels, services and outgoing connections, as settings define it and as
    calls were observed.
    """

    name = "admin.landscape.get"
    right = "view"
    Input = AskedLandscape
    Output = Landscape

    def handle(self) -> Landscape:
        """Return the part that is asked for; raises `NotFound` for a focus that is not there."""
        asked: AskedLandscape = self.request.input
        history = self.server.resource(Statistics).history
        span = asked.when(history.clock())
        definitions = self.server.resource(Administration).index.current(self.server)
        sources = Sources(
            definitions,
            States(self.server.cluster.reports()),
            self.server.registry,
            history.tallies(*span),
        )
        whole = graph_of(sources, asked.kinds)
        if not asked.builtin:
            whole = whole.without_builtin()
        chosen, focused = part_of(whole, asked)
        graph, level = _grouped(chosen, asked.group, focused)
        nodes = sorted(graph.nodes.values(), key=lambda node: (node.end.kind, node.id))
        return Landscape(
            **span._asdict(),
            revision=definitions.revision,
            nodes=[_shown_node(node, span) for node in nodes],
            edges=[_shown_edge(pair, graph.links[pair], span) for pair in sorted(graph.links)],
            total=len(chosen.nodes),
            level=level,
        )


def part_of(graph: Graph, asked: AskedLandscape) -> tuple[Graph, set[str]]:
    """Return the part of a graph that is asked for, and the ids of the nodes in focus; raises
    `NotFound`.
    """
    focused: set[str] = set()
    if asked.focus:
        focused = {asked.focus} & graph.nodes.keys() or members_of(graph, asked.focus)
        if not focused:
            raise NotFound(f"there is no {asked.focus!r} in the landscape")
        graph = graph.around(focused, asked.depth)
    if asked.text:
        graph = graph.named(asked.text)
    if asked.seen != "any":
        is_wanted = asked.seen == "yes"
        graph = graph.filtered(
            lambda node: (node.tally.count > 0) == is_wanted,
            lambda link: (link.tally.count > 0) == is_wanted,
        )
    if asked.errors:
        graph = graph.filtered(
            lambda node: node.tally.failures > 0,
            lambda link: link.tally.failures > 0,
        )
    return graph, focused


def _grouped(
    graph: Graph, grouping: Grouping, focused: set[str]
) -> tuple[Graph, Level | Literal[""]]:
    apart = focused if len(focused) == 1 else set()
    is_small = len(graph.nodes) <= MOST_NODES and len(graph.links) <= MOST_EDGES
    if grouping == "never" or (grouping == "auto" and is_small):
        return graph, ""
    return grouped(graph, MOST_NODES, MOST_EDGES, apart=apart)


def _shown_node(node: Node, span: Span) -> LandscapeNode:
    tally = node.tally
    return LandscapeNode(
        id=node.id,
        kind=node.end.kind,
        type=node.end.type,
        name=node.end.name,
        members=node.members,
        file=node.part,
        state=node.state,
        count=tally.count,
        errors=tally.failures,
        rate=rate_of(tally, span),
        last=tally.last,
    )


def _shown_edge(pair: tuple[str, str], link: Link, span: Span) -> LandscapeEdge:
    tally = link.tally
    status: Literal["defined", "observed", "both"] = "defined"
    if link.ways:
        status = "both" if link.settings else "observed"
    p95 = min(percentile(tally.buckets, 95), tally.longest)
    return LandscapeEdge(
        source=pair[0],
        target=pair[1],
        status=status,
        settings=sorted(link.settings),
        ways=sorted(link.ways),
        count=tally.count,
        errors=tally.failures,
        rate=rate_of(tally, span),
        p95=round(p95 / 1000, 3),
        last=tally.last,
    )


def rate_of(tally: Tally, span: Span) -> float:
    """Return the calls per second of a tally of a span; 0 for a span that nothing is kept of."""
    return round(tally.count / span.seconds, 6) if span.seconds else 0.0
