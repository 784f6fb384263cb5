"""The graph of a landscape: what is chosen of it, and what is put together in groups."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import NotFound, load
from hansa_stats.edges import End, service_end
from hansa_stats.landscape.graph import Graph, Link, Node
from hansa_stats.landscape.grouping import at_level, group_of, grouped, members_of
from hansa_stats.landscape.services import AskedLandscape, part_of, rate_of
from hansa_stats.spans import bounded
from hansa_stats.tally import Tally
from hypothesis import given, strategies as st


def node(id: str, count: int = 0, errors: int = 0, **options: Any) -> Node:
    words = id.split(" ", 2)
    end = service_end(words[1]) if words[0] == "service" else End(*words)
    errors_by_code = {"invalid": errors} if errors else {}
    return Node(end, "running", tally=Tally(count=count, errors=errors_by_code), **options)


def link(count: int = 0, errors: int = 0, setting: str = "") -> Link:
    errors_by_code = {"invalid": errors} if errors else {}
    found = Link(tally=Tally(count=count, errors=errors_by_code))
    if setting:
        found.settings.add(setting)
    if count:
        found.ways.add("invoke")
    return found


def graph(nodes: list[Node], links: dict[tuple[str, str], Link]) -> Graph:
    return Graph({one.id: one for one in nodes}, links)


CHANNEL = "channel http orders"
GET = "service orders.get"
PRICE = "service orders.price"
OLD = "service stock.old"
BILLING = "outgoing http billing"
ADMIN = "service admin.any"


@pytest.fixture
def shop() -> Graph:
    return graph(
        [
            node(CHANNEL, 9),
            node(GET, 9, 2, part="orders.py"),
            node(PRICE, 9, part="orders.py"),
            node(OLD, part="stock.py"),
            node(BILLING, 3, 2),
            node(ADMIN, part="plugin admin", is_builtin=True),
            node("channel http admin", is_builtin=True),
        ],
        {
            (CHANNEL, GET): link(9, setting="service"),
            (GET, PRICE): link(9),
            (GET, BILLING): link(3, 2),
            ("channel http admin", ADMIN): link(setting="service"),
        },
    )


def asked(graph: Graph, **options: Any) -> set[str]:
    return set(part_of(graph, load(AskedLandscape, options))[0].nodes)


def test_what_comes_with_plugins_is_left_out_unless_it_is_used(shop: Graph):
    assert ADMIN not in shop.without_builtin().nodes
    shop.links[GET, ADMIN] = link(1)
    found = shop.without_builtin()
    assert ADMIN in found.nodes and "channel http admin" not in found.nodes
    assert set(found.links) == set(shop.links) - {("channel http admin", ADMIN)}


def test_a_span_that_nothing_is_kept_of_has_no_calls_per_second():
    span = bounded(0, 1, now=2e9)
    assert (span.seconds, rate_of(Tally(), span)) == (0, 0.0)


def test_a_focus_has_what_leads_to_it_and_what_it_leads_to(shop: Graph):
    assert asked(shop, focus=PRICE) == {GET, PRICE}
    # not the connection, to which another way leads
    assert asked(shop, focus=PRICE, depth=2) == {CHANNEL, GET, PRICE}
    assert asked(shop, focus=CHANNEL, depth=3) == {CHANNEL, GET, PRICE, BILLING}
    assert asked(shop, focus="part service orders.py") == {CHANNEL, GET, PRICE, BILLING}
    for missing in ("service nothing", "part service nothing.py", "orders.get"):
        with pytest.raises(NotFound, match="in the landscape"):
            asked(shop, focus=missing)


def test_filters(shop: Graph):
    assert asked(shop, text="BILL") == {GET, BILLING}
    assert asked(shop, errors=True) == {GET, BILLING}
    assert OLD not in asked(shop, seen="yes")
    assert asked(shop, seen="no") == {OLD, ADMIN, "channel http admin"}
    shop.links[CHANNEL, OLD] = link(setting="service")
    assert CHANNEL in asked(shop, seen="no"), "its line was never used"


def test_groups_stand_for_their_members(shop: Graph):
    found = at_level(shop, "part")
    group = found.nodes["part service orders.py"]
    assert (group.members, group.end.name, group.state) == (2, "orders.py", "running")
    assert (group.tally.count, group.tally.failures) == (18, 2)
    assert found.links[group.id, BILLING].tally.count == 3
    assert found.links[group.id, group.id].tally.count == 9
    assert OLD in found.nodes, "it is alone in its file"
    apart = at_level(shop, "part", apart={GET})
    assert GET in apart.nodes and PRICE in apart.nodes
    assert at_level(shop, "prefix").nodes["prefix channel http"].members == 2
    assert at_level(shop, "kind").nodes["kind service"].end.name == "all service"


def test_the_finest_level_is_chosen_that_is_coarse_enough():
    services = [node(f"service m{n}.s{n}", part=f"m_{n}.py") for n in range(20)]
    channels = [node(f"channel http orders-{n}") for n in range(20)]
    whole = graph([*services, *channels], {})
    for most, nodes, level in ((21, 21, "part"), (20, 2, "prefix"), (1, 2, "kind")):
        found, chosen = grouped(whole, most, 0)
        assert (len(found.nodes), chosen) == (nodes, level)
    whole.links[services[0].id, services[1].id] = link(1)
    assert grouped(whole, 21, 0)[1] == "kind"


IDS = [f"service {file}.{n}" for file in "abc" for n in range(3)]


@given(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)), max_size=30))
def test_groups_lose_no_call(pairs: list[tuple[str, str]]):
    links = {pair: link(pairs.count(pair)) for pair in pairs}
    nodes = [node(id, 1, part=f"{id[8]}.py") for id in IDS]
    whole = graph(nodes, links)
    for level in ("part", "prefix", "kind"):
        found = at_level(whole, level)
        assert sum(one.members for one in found.nodes.values()) == len(IDS)
        assert sum(one.tally.count for one in found.nodes.values()) == len(IDS)
        assert sum(one.tally.count for one in found.links.values()) == len(pairs)
        assert all(end in found.nodes for pair in found.links for end in pair)
        for group in found.nodes.values():
            if group.members > 1:
                members = members_of(whole, group.id)
                assert len(members) == group.members
                assert {group_of(whole.nodes[id], level) for id in members} == {group.id}
