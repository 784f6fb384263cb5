"""The picture of a landscape: its nodes and lines, ready to be written as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..api import JsonObject
from ..language.texts import gettext
from ..language.values import decimal, whole
from ..rendering import SHAPES, UNKNOWN, milliseconds
from .layout import NODE_HEIGHT, NODE_WIDTH, Layout, Point, lay_out

LONGEST_NAME = 21
"""Characters of a name that a node has room for."""
STEPS = (1 / 60, 1.0, 10.0)
"""Calls per second from which on lines are wider: one a minute, one a second, ten a second."""
GLYPHS = ("channel", "service", "outgoing", "security")
"""The kinds that have a glyph of their own."""
LINES = {"both": "", "defined": "dashed", "observed": "dotted"}
_HEAD = 7
_ARC = 40

PathOf = Callable[[JsonObject], str]
"""Returns the address that a node leads to."""


@dataclass(frozen=True)
class DrawnNode:
    """A node: where it stands, what is written in it, where it leads."""

    x: int
    y: int
    href: str
    glyph: str
    label: str
    type: str
    title: str
    shape: str
    tone: str
    state: str
    figure: str
    classes: str


@dataclass(frozen=True)
class Mark:
    """A share of errors, beside a line."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class DrawnEdge:
    """A line: its path and its head as `d` of SVG."""

    line: str
    head: str
    classes: str
    title: str
    mark: Mark | None


@dataclass(frozen=True)
class Picture:
    """A whole picture; nodes that are linked to nothing stand below `lone_top`. All nodes have one
    size.
    """

    nodes: list[DrawnNode]
    edges: list[DrawnEdge]
    width: int
    height: int
    lone_top: int | None
    node_width: int = NODE_WIDTH
    node_height: int = NODE_HEIGHT


def drawn(landscape: JsonObject, path_of: PathOf, focus: str = "") -> Picture:
    """Return the picture of an answer of `admin.landscape.get`."""
    nodes = landscape["nodes"]
    pairs = [(edge["source"], edge["target"]) for edge in landscape["edges"]]
    layout = lay_out(columns_of(nodes, pairs), pairs)
    edges = []
    for edge in landscape["edges"]:
        route = layout.routes.get((edge["source"], edge["target"]))
        if route is None:
            edges.append(_loop(edge, layout.places[edge["source"]]))
        else:
            edges.append(_edge(edge, route))
    return Picture(
        nodes=[_node(node, layout, path_of(node), node["id"] == focus) for node in nodes],
        edges=edges,
        width=layout.width,
        height=layout.height,
        lone_top=layout.lone_top,
    )


def columns_of(nodes: Sequence[JsonObject], pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the ids of the nodes of each column: callers and channels, services, and connections
    with what stands behind them.
    """
    before = {source for source, _ in pairs}
    columns: list[list[str]] = [[], [], []]
    for node in nodes:
        is_caller = node["kind"] == "security" and node["id"] in before
        if node["kind"] == "channel" or is_caller:
            columns[0].append(node["id"])
        elif node["kind"] == "service":
            columns[1].append(node["id"])
        else:
            columns[2].append(node["id"])
    return columns


def rate(calls: float) -> str:
    """Return calls per second as a number with its unit; empty for none."""
    if not calls:
        return ""
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        number = calls * seconds
        if number >= 1:
            written = whole(round(number)) if number >= 10 else decimal(f"{number:.2g}")
            return f"{written}/{unit}"
    return decimal(f"{calls * 86400:.2g}") + "/d"


def error_share(count: int, errors: int) -> str:
    """Return the share of errors in percent; empty if there are none."""
    if not errors:
        return ""
    percent = errors / max(count, errors) * 100
    return f"{percent:.0f} %" if percent >= 1 else "< 1 %"


def shortened(name: str) -> str:
    """Return a name without its middle, if it is too long."""
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:8]}…{name[9 - LONGEST_NAME :]}"


def _node(node: JsonObject, layout: Layout, href: str, is_focus: bool) -> DrawnNode:
    place = layout.places[node["id"]]
    is_group = node["members"] > 1
    shape, tone = SHAPES.get(node["state"], UNKNOWN)
    figure = rate(node["rate"])
    if is_group:
        figure = f"{node['members']} · {figure}" if figure else str(node["members"])
    what = " ".join(word for word in (node["kind"], node["type"], node["name"]) if word)
    if is_group:
        what = gettext("%(count)s of %(what)s", count=node["members"], what=what)
    about = [what, node["state"]]
    calls = rate(node["rate"])
    about.append(gettext("%(rate)s calls", rate=calls) if calls else gettext("no calls"))
    if node["errors"]:
        share = error_share(node["count"], node["errors"])
        about.append(gettext("%(share)s errors", share=share))
    classes = ["node"]
    if is_group:
        classes.append("group")
    if is_focus:
        classes.append("focus")
    return DrawnNode(
        x=place.x,
        y=place.y,
        href=href,
        glyph=node["kind"] if node["kind"] in GLYPHS else "other",
        label=shortened(node["name"]),
        type=node["type"] if node["type"] != node["name"] else "",
        title=", ".join(about),
        shape=shape,
        tone=tone,
        state=node["state"],
        figure=figure,
        classes=" ".join(classes),
    )


def _edge(edge: JsonObject, route: Sequence[Point]) -> DrawnEdge:
    middle = Point((route[0].x + route[1].x) // 2, (route[0].y + route[1].y) // 2)
    back = -_HEAD if route[-2].x < route[-1].x else _HEAD
    head = f"M{route[-1].x} {route[-1].y}l{back} -4v8z"
    return DrawnEdge(_line(route), head, _classes(edge), _title(edge), _mark(edge, middle))


def _loop(edge: JsonObject, place: Point) -> DrawnEdge:
    """Return the line from a node to itself, above it."""
    start = Point(place.x + NODE_WIDTH - 16, place.y)
    end = Point(place.x + NODE_WIDTH - 60, place.y)
    line = f"M{start.x} {start.y}C{start.x} {start.y - 14} {end.x} {end.y - 14} {end.x} {end.y}"
    head = f"M{end.x} {end.y}l-4 -{_HEAD}h8z"
    middle = Point((start.x + end.x) // 2, place.y - 8)
    return DrawnEdge(line, head, _classes(edge), _title(edge), _mark(edge, middle))


def _classes(edge: JsonObject) -> str:
    width = 1 + sum(edge["rate"] >= step for step in STEPS)
    failing = "failing" if edge["errors"] else ""
    words = ("edge", f"w{width}", LINES[edge["status"]], failing)
    return " ".join(word for word in words if word)


def _title(edge: JsonObject) -> str:
    way = f"{edge['source']} → {edge['target']}"
    about = [gettext("%(way)s: not seen", way=way)]
    if edge["count"]:
        about = [f"{way}: {rate(edge['rate'])}"]
        about.append(f"p95 {milliseconds(edge['p95'])}")
    if edge["errors"]:
        share = error_share(edge["count"], edge["errors"])
        about.append(gettext("%(share)s errors", share=share))
    return ", ".join(about)


def _mark(edge: JsonObject, at: Point) -> Mark | None:
    share = error_share(edge["count"], edge["errors"])
    return Mark(at.x, at.y, share) if share else None


def _line(route: Sequence[Point]) -> str:
    """Return the path through points: curves between columns, straight where it passes one, and
    an arc beside a column from one of its nodes to another.
    """
    parts = [f"M{route[0].x} {route[0].y}"]
    for index in range(0, len(route) - 1, 2):
        one = route[index]
        other = route[index + 1]
        bend = (other.x - one.x) // 2
        if not bend:
            x = one.x + _ARC
            parts.append(f"C{x} {one.y} {x} {other.y} {other.x} {other.y}")
            continue
        curve = f"C{one.x + bend} {one.y} {other.x - bend} {other.y} {other.x} {other.y}"
        parts.append(curve)
        if index + 2 < len(route):
            parts.append(f"H{route[index + 2].x}")
    return "".join(parts)
