"""Where the nodes of a map stand, and through which points its lines run: columns and sub-columns by
longest path, the order in each by barycentre sweeps (Sugiyama, Tagawa and Toda 1981), heights by
isotonic regression, so that nodes stand beside what they are linked to and never overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from .ranks import longest_paths

NODE_WIDTH = 200
NODE_HEIGHT = 36
GAP = 14
"""Between nodes of a column."""
LINE_GAP = 8
"""Between lines that pass a column, and between them and its nodes."""
COLUMN_GAP = 64
COLUMN_PITCH = NODE_WIDTH + COLUMN_GAP
MARGIN = 4
LONE_GAP = 44
"""Above the nodes that are linked to nothing, for their heading."""
ORDER_SWEEPS = 8
HEIGHT_SWEEPS = 6

Item: TypeAlias = tuple[str, int]
"""What stands in a column: a node, or lines that pass to a node; then the number is that of the
column, and of a node it is -1.
"""
NODE = -1


class Point(NamedTuple):
    """A place in the picture, in pixels from its left upper corner."""

    x: int
    y: int


@dataclass(frozen=True)
class Layout:
    """Where everything is: `places` has the left upper corner of each node, `routes` the points of
    each line. Nodes that are linked to nothing stand below `lone_top`, None if there are none.
    """

    places: Mapping[str, Point]
    routes: Mapping[tuple[str, str], Sequence[Point]]
    width: int
    height: int
    lone_top: int | None


def lay_out(columns: Sequence[Sequence[str]], edges: Collection[tuple[str, str]]) -> Layout:
    """Return where nodes stand, of which each is in one of the columns; of the edges between them,
    those from a node to itself have no route.
    """
    links = sorted({(source, target) for source, target in edges if source != target})
    linked = {node for link in links for node in link}
    layers = _layers(columns, links, linked)
    column_of = {node: index for index, layer in enumerate(layers) for node in layer}
    chains = {link: _chain(link, column_of) for link in links}
    items = _items(layers, chains)
    neighbours = _Neighbours(chains.values(), items)
    for sweep in range(ORDER_SWEEPS):
        _order(items, neighbours, rightwards=sweep % 2 == 0)
    tops = _tops(items, neighbours)
    places = {
        node: Point(MARGIN + column_of[node] * COLUMN_PITCH, MARGIN + tops[node, NODE])
        for node in column_of
    }
    bottom = max((place.y + NODE_HEIGHT for place in places.values()), default=MARGIN)
    routes = {link: _route(chain, places, tops) for link, chain in chains.items()}
    lone = [node for column in columns for node in column if node not in linked]
    lone_top = bottom + LONE_GAP if places else MARGIN + LONE_GAP // 2
    places |= _in_rows(lone, max(len(layers), 4), lone_top)
    lines = [point.y for route in routes.values() for point in route]
    ends = [place.y + NODE_HEIGHT for place in places.values()]
    return Layout(
        places=places,
        routes=routes,
        width=max((place.x for place in places.values()), default=0) + NODE_WIDTH + MARGIN,
        height=max([*ends, *lines], default=0) + MARGIN,
        lone_top=lone_top if lone else None,
    )


def _layers(
    columns: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], linked: Collection[str]
) -> list[list[str]]:
    """Return the sub-columns, from left to right, without those that would be empty."""
    layers: list[list[str]] = []
    for column in columns:
        nodes = [node for node in column if node in linked]
        inside = set(nodes)
        own = [link for link in links if link[0] in inside and link[1] in inside]
        ranks = longest_paths(nodes, own)
        made: list[list[str]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
        for node in nodes:
            made[ranks[node]].append(node)
        layers += made
    return layers


def _chain(link: tuple[str, str], column_of: Mapping[str, int]) -> list[Item]:
    """Return what a line runs through: its ends, and in each column between them the place where
    lines to its target pass. Lines that run to the left pass nothing.
    """
    source, target = link
    between = range(column_of[source] + 1, column_of[target])
    return [(source, NODE), *((target, column) for column in between), (target, NODE)]


def _items(
    layers: Sequence[Sequence[str]], chains: Mapping[tuple[str, str], list[Item]]
) -> list[list[Item]]:
    """Return what stands in each column: its nodes, and the lines that pass."""
    passing: list[dict[Item, None]] = [{} for _ in layers]
    for chain in chains.values():
        for item in chain[1:-1]:
            passing[item[1]][item] = None
    return [
        [*((node, NODE) for node in layer), *lines]
        for layer, lines in zip(layers, passing, strict=True)
    ]


class _Neighbours:
    """What each item is linked to in columns on its left, and on its right."""

    def __init__(self, chains: Iterable[list[Item]], items: Sequence[Sequence[Item]]) -> None:
        column_of = {item: index for index, column in enumerate(items) for item in column}
        self.left: dict[Item, dict[Item, None]] = {item: {} for item in column_of}
        self.right: dict[Item, dict[Item, None]] = {item: {} for item in column_of}
        for chain in chains:
            for one, other in pairwise(chain):
                if column_of[one] < column_of[other]:
                    self.right[one][other] = None
                    self.left[other][one] = None
                elif column_of[one] > column_of[other]:
                    self.left[one][other] = None
                    self.right[other][one] = None

    def of(self, item: Item) -> list[Item]:
        """Return those on both sides."""
        return [*self.left[item], *self.right[item]]


def _order(items: list[list[Item]], neighbours: _Neighbours, *, rightwards: bool) -> None:
    """Sort each column by the middle of what its items are linked to on one side."""
    side = neighbours.left if rightwards else neighbours.right
    columns = items if rightwards else items[::-1]
    place = {item: index - len(column) / 2 for column in items for index, item in enumerate(column)}
    for column in columns:
        middle = {}
        for item in column:
            beside = [place[other] for other in side[item]]
            middle[item] = sum(beside) / len(beside) if beside else place[item]
        column.sort(key=lambda item: middle[item])
        for index, item in enumerate(column):
            place[item] = index - len(column) / 2


def _tops(items: Sequence[Sequence[Item]], neighbours: _Neighbours) -> dict[Item, int]:
    """Return the upper end of each item, so near to the middle of what it is linked to as the order
    and the size of the others allow; the first one at 0.
    """
    centres: dict[Item, float] = {}
    offsets: list[list[int]] = []
    for column in items:
        offsets.append(_offsets(column))
        centres |= dict(zip(column, map(float, offsets[-1]), strict=True))
    for sweep in range(HEIGHT_SWEEPS):
        order = range(len(items)) if sweep % 2 == 0 else range(len(items) - 1, -1, -1)
        for index in order:
            column = items[index]
            wanted = [_wanted(item, neighbours, centres) for item in column]
            own = offsets[index]
            free = isotonic([want - offset for want, offset in zip(wanted, own, strict=True)])
            for item, shift, offset in zip(column, free, own, strict=True):
                centres[item] = round(shift) + offset
    tops = {item: round(centre) - _height(item) // 2 for item, centre in centres.items()}
    first = min(tops.values(), default=0)
    return {item: top - first for item, top in tops.items()}


def _wanted(item: Item, neighbours: _Neighbours, centres: Mapping[Item, float]) -> float:
    beside = neighbours.of(item)
    if not beside:
        return centres[item]
    return sum(centres[other] for other in beside) / len(beside)


def _height(item: Item) -> int:
    return NODE_HEIGHT if item[1] == NODE else 0


def _offsets(column: Sequence[Item]) -> list[int]:
    """Return the centres of items that stand as near to each other as they may."""
    found: list[int] = []
    centre = 0
    for index, item in enumerate(column):
        if index:
            before = column[index - 1]
            are_nodes = item[1] == NODE and before[1] == NODE
            gap = GAP if are_nodes else LINE_GAP
            centre += (_height(before) + _height(item)) // 2 + gap
        found.append(centre)
    return found


def isotonic(values: Sequence[float]) -> list[float]:
    """Return the numbers that never fall and are nearest to these, by least squares (pool adjacent
    violators).
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean = value
        size = 1
        while blocks and blocks[-1][0] >= mean:
            before, count = blocks.pop()
            mean = (before * count + mean * size) / (count + size)
            size += count
        blocks.append((mean, size))
    return [mean for mean, size in blocks for _ in range(size)]


def _route(
    chain: Sequence[Item], places: Mapping[str, Point], tops: Mapping[Item, int]
) -> list[Point]:
    """Return the points of a line: the ends of the nodes, and those where it enters and leaves each
    column on its way.
    """
    source = places[chain[0][0]]
    target = places[chain[-1][0]]
    middle = NODE_HEIGHT // 2
    if target.x == source.x:
        x = source.x + NODE_WIDTH
        return [Point(x, source.y + middle), Point(x, target.y + middle)]
    if target.x < source.x:
        return [Point(source.x, source.y + middle), Point(target.x + NODE_WIDTH, target.y + middle)]
    route = [Point(source.x + NODE_WIDTH, source.y + middle)]
    for item in chain[1:-1]:
        x = MARGIN + item[1] * COLUMN_PITCH
        y = MARGIN + tops[item]
        route += [Point(x, y), Point(x + NODE_WIDTH, y)]
    return [*route, Point(target.x, target.y + middle)]


def _in_rows(nodes: Sequence[str], columns: int, top: int) -> dict[str, Point]:
    """Return places for nodes that are linked to nothing."""
    found = {}
    for index, node in enumerate(nodes):
        row, column = divmod(index, columns)
        y = top + row * (NODE_HEIGHT + GAP)
        found[node] = Point(MARGIN + column * COLUMN_PITCH, y)
    return found
