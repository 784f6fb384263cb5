"""The sub-columns of a layered graph: each node stands right of all that lead to it, and those of a
circle stand in one column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Following: TypeAlias = dict[str, list[str]]
"""What each node leads to."""


def longest_paths(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for each node the number of edges of the longest path that leads to it, without those
    between nodes that lead to each other, which all have the same number.
    """
    following: Following = {node: [] for node in nodes}
    leading: Following = {node: [] for node in nodes}
    for source, target in edges:
        if source in following and target in following:
            following[source].append(target)
            leading[target].append(source)
    ranks: dict[str, int] = {}
    for circle in circles(following, leading):
        members = set(circle)
        before = [one for node in circle for one in leading[node] if one not in members]
        rank = max((ranks[one] + 1 for one in before), default=0)
        ranks |= dict.fromkeys(circle, rank)
    return ranks


def circles(following: Following, leading: Following) -> list[list[str]]:
    """Return the nodes that lead to each other together, each list after all that lead to it
    (strongly connected components, by the two searches of Kosaraju).
    """
    left = [node for tree in _searched(following, following) for node in tree]
    return list(_searched(leading, reversed(left)))


def _searched(following: Mapping[str, list[str]], starts: Iterable[str]) -> list[list[str]]:
    """Return the nodes of each tree of a depth-first search, in the order in which it leaves them."""
    trees: list[list[str]] = []
    seen: set[str] = set()
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        tree: list[str] = []
        path = [(start, iter(following[start]))]
        while path:
            node, rest = path[-1]
            after = next((one for one in rest if one not in seen), None)
            if after is None:
                tree.append(node)
                path.pop()
            else:
                seen.add(after)
                path.append((after, iter(following[after])))
        trees.append(tree)
    return trees
