"""Definitions of one kind that refer to each other in a circle, such as parents of parents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from ..contract.records import Key

Links: TypeAlias = Mapping[Key, Iterable[Key]]
"""What each definition refers to; an empty type means any type of that kind."""


def find_circle(links: Links) -> list[Key]:
    """Return definitions that refer to each other in a circle, each referring to the next, the
    first of them at the end again; empty if there is no circle. Of several circles, it is the same
    one each time.
    """
    by_name: dict[tuple[str, str], list[Key]] = {}
    for key in sorted(links):
        by_name.setdefault((key[0], key[2]), []).append(key)
    graph: TopologicalSorter[Key] = TopologicalSorter()
    for key in sorted(links):
        for kind, type, name in sorted(links[key]):
            found = by_name.get((kind, name), [])
            graph.add(key, *(one for one in found if type in ("", one[1])))
    try:
        graph.prepare()
    except CycleError as error:
        circle: list[Key] = error.args[1]
        # the sorter names each before the one that refers to it
        return circle[::-1]
    return []
