"""The sub-columns of a layered graph: each node stands right of all that lead to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def longest_paths(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for each node the number of edges of the longest path that leads to it.

    Of each circle, the edge is left out that closes it, in the order of the nodes.
    """
    following: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        if source != target and source in following and target in following:
            following[source].append(target)
    order = _backwards(following)
    place = {node: index for index, node in enumerate(reversed(order))}
    ranks = dict.fromkeys(nodes, 0)
    for node in reversed(order):
        for after in following[node]:
            if place[after] > place[node]:
                ranks[after] = max(ranks[after], ranks[node] + 1)
    return ranks


def _backwards(following: dict[str, list[str]]) -> list[str]:
    """Return the nodes in the order in which a depth-first search leaves them: what a node leads to
    comes before it, unless that closes a circle.
    """
    left: list[str] = []
    seen: set[str] = set()
    for start in following:
        if start in seen:
            continue
        seen.add(start)
        path = [(start, iter(following[start]))]
        while path:
            node, rest = path[-1]
            after = next((one for one in rest if one not in seen), None)
            if after is None:
                left.append(node)
                path.pop()
            else:
                seen.add(after)
                path.append((after, iter(following[after])))
    return left
