"""The layout of the map: no node overlaps another one, all have a place, and the same graph has the
same picture.
"""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hansa_web.map.layout import (
    COLUMN_PITCH,
    GAP,
    NODE_HEIGHT,
    NODE_WIDTH,
    Layout,
    Point,
    isotonic,
    lay_out,
)
from hansa_web.map.ranks import longest_paths
from hypothesis import given, strategies as st

NODES = [f"n{number}" for number in range(24)]
PAIRS = st.tuples(st.sampled_from(NODES), st.sampled_from(NODES))
COLUMNS = st.lists(st.integers(0, 2), min_size=len(NODES), max_size=len(NODES))


def in_columns(places: list[int], nodes: list[str]) -> list[list[str]]:
    return [
        [node for node, place in zip(nodes, places, strict=True) if place == column]
        for column in range(3)
    ]


def overlapping(layout: Layout) -> list[tuple[str, str]]:
    by_column: dict[int, list[tuple[int, str]]] = {}
    for node, place in layout.places.items():
        by_column.setdefault(place.x, []).append((place.y, node))
    found = []
    for column in by_column.values():
        column.sort()
        for (above, one), (below, other) in pairwise(column):
            if below - above < NODE_HEIGHT + GAP:
                found.append((one, other))
    return found


@given(COLUMNS, st.lists(PAIRS, max_size=60))
def test_all_nodes_are_placed_and_none_overlap(
    places: list[int], edges: list[tuple[str, str]]
) -> None:
    layout = lay_out(in_columns(places, NODES), edges)
    assert layout.places.keys() == set(NODES)
    assert overlapping(layout) == []
    for place in layout.places.values():
        assert (place.x - 4) % COLUMN_PITCH == 0
        assert 0 <= place.x <= layout.width - NODE_WIDTH
        assert 0 <= place.y <= layout.height - NODE_HEIGHT


@given(COLUMNS, st.lists(PAIRS, max_size=60))
def test_lines_run_from_node_to_node_within_the_picture(
    places: list[int], edges: list[tuple[str, str]]
) -> None:
    layout = lay_out(in_columns(places, NODES), edges)
    assert layout.routes.keys() == {edge for edge in edges if edge[0] != edge[1]}
    for (source, target), route in layout.routes.items():
        start = layout.places[source]
        end = layout.places[target]
        assert route[0].x in (start.x, start.x + NODE_WIDTH)
        assert route[-1].x in (end.x, end.x + NODE_WIDTH)
        assert route[0].y - start.y == route[-1].y - end.y == NODE_HEIGHT // 2
        assert all(0 <= point.y <= layout.height for point in route)


@given(COLUMNS, st.lists(PAIRS, max_size=60), st.randoms(use_true_random=False))
def test_the_same_graph_has_the_same_picture(
    places: list[int], edges: list[tuple[str, str]], chance: random.Random
) -> None:
    columns = in_columns(places, NODES)
    shuffled = edges * 2
    chance.shuffle(shuffled)
    assert lay_out(columns, edges) == lay_out(columns, shuffled)


@given(st.lists(PAIRS, max_size=60))
def test_nodes_stand_right_of_what_leads_to_them(edges: list[tuple[str, str]]) -> None:
    forward = [(one, other) for one, other in edges if NODES.index(one) < NODES.index(other)]
    ranks = longest_paths(NODES, forward)
    assert all(ranks[one] < ranks[other] for one, other in forward)
    assert set(longest_paths(NODES, edges)) == set(NODES)


def test_nodes_that_lead_to_each_other_stand_in_one_column() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("b", "b"), ("a", "d")]
    assert longest_paths(["d", "c", "b", "a"], edges) == {"a": 0, "b": 1, "c": 1, "d": 2}
    layout = lay_out([[], ["a", "b", "c", "d"], []], edges)
    start, end = layout.routes["b", "c"]
    assert start.x == end.x == layout.places["c"].x + NODE_WIDTH


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_the_nearest_numbers_that_never_fall(values: list[float]) -> None:
    found = isotonic(values)
    assert len(found) == len(values)
    assert all(one <= other for one, other in pairwise(found))
    assert sum(found) == pytest.approx(sum(values), abs=1e-3)
    assert isotonic(sorted(values)) == pytest.approx(sorted(values))


def test_a_chain_of_calls() -> None:
    layout = lay_out([["c"], ["a", "b"], ["o"]], [("c", "a"), ("a", "b"), ("b", "o"), ("a", "o")])
    xs = [layout.places[node].x for node in "cabo"]
    assert xs == [4, 4 + COLUMN_PITCH, 4 + 2 * COLUMN_PITCH, 4 + 3 * COLUMN_PITCH]
    assert len(layout.routes["c", "a"]) == 2
    # the line to the connection passes the second service, above or below it
    passing = layout.routes["a", "o"]
    assert len(passing) == 4 and passing[1].y == passing[2].y
    service = layout.places["b"]
    assert not service.y <= passing[1].y <= service.y + NODE_HEIGHT


def test_what_is_linked_to_nothing_stands_below() -> None:
    layout = lay_out([["c"], ["a", "lone"], []], [("c", "a"), ("lone", "lone")])
    assert layout.lone_top is not None
    assert layout.places["lone"] == Point(4, layout.lone_top)
    assert layout.lone_top > layout.places["a"].y + NODE_HEIGHT
    assert lay_out([], []).places == {}


def test_two_thousand_nodes_take_well_under_a_second() -> None:
    chance = random.Random(7)
    channels = [f"c{number}" for number in range(600)]
    services = [f"s{number}" for number in range(1200)]
    outgoing = [f"o{number}" for number in range(200)]
    edges = [(one, chance.choice(services)) for one in channels]
    for number, one in enumerate(services):
        edges += [(one, services[chance.randrange(number, 1200)]) for _ in range(1)]
        edges.append((one, chance.choice(outgoing)))
    began = time.thread_time()
    layout = lay_out([channels, services, outgoing], edges)
    took = time.thread_time() - began
    assert len(layout.places) == 2000 and overlapping(layout) == []
    assert took < 1.0, f"{took:.2f} s"
