"""Paths in messages, as JSONPath and XPath write them, as far as both have the same: names, any
name, any depth.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(
    r"""\[\s*'(?P<single>[^']*)'\s*\]|\[\s*"(?P<double>[^"]*)"\s*\]"""
    r"""|(?P<index>\[[^\[\]]*\])|(?P<deep>\.\.|//)|(?P<separator>[./])|(?P<name>[^./\[\]]+)"""
)
_NAMED = re.compile(r"""name\(\)\s*=\s*['"]([^'"]+)""")
_ANY_DEPTH = "**"
_LEFT_OUT = {"$", "text()"}
"""Names that stand for what a path begins with, or for the value that it leads to."""


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path; a `deep` one may be at any depth below the one before."""

    pattern: re.Pattern[str]
    deep: bool

    def matches(self, name: str) -> bool:
        """Whether it stands for this name, in upper or lower case."""
        return self.pattern.fullmatch(name) is not None


Path: TypeAlias = tuple[Step, ...]

State: TypeAlias = frozenset[tuple[int, int]]
"""Where a walk through a message stands: numbers of paths, and of the step that each is at."""


def parse_path(text: str) -> Path:
    """Return the steps of a path; none if it names nothing.

    Indexes and conditions in brackets are left out, but for one on the name: a path leads to all
    members of a list.
    """
    steps: list[Step] = []
    deep = False
    for found in _TOKEN.finditer(text.strip()):
        kind = found.lastgroup
        if kind in ("single", "double"):
            steps.append(Step(_compiled(re.escape(found[kind])), deep))
        elif kind == "name" and found[0].strip() == _ANY_DEPTH:
            deep = True
            continue
        elif kind == "name" and found[0].strip() not in _LEFT_OUT:
            steps.append(Step(_of_name(found[0].strip()), deep))
        elif kind == "deep":
            deep = True
            continue
        else:
            _apply_condition(steps, found[0])
            continue
        deep = False
    if deep:
        steps.append(Step(_of_name("*"), deep=False))
    return tuple(steps)


def _apply_condition(steps: list[Step], text: str) -> None:
    """Have the last step stand for the name that a condition asks for, as `[local-name()="x"]`."""
    named = _NAMED.search(text)
    if named is not None and steps:
        steps[-1] = Step(_of_name(named[1]), steps[-1].deep)


def _of_name(name: str) -> re.Pattern[str]:
    """Return what matches a name with wildcards; an axis, the mark of an attribute and the prefix
    of a namespace are left out.
    """
    bare = name.rpartition("::")[2].removeprefix("@")
    local = bare.rpartition(":")[2]
    whole = fnmatch.translate(bare)
    return _compiled(whole if local == bare else f"{whole}|{fnmatch.translate(local)}")


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


class Paths:
    """Any number of paths, followed at the same time on a walk through a message."""

    def __init__(self, texts: Iterable[str]) -> None:
        found = [parse_path(text) for text in texts]
        self._paths = [path for path in found if path]
        self.begin: State = frozenset((number, 0) for number in range(len(self._paths)))

    def __bool__(self) -> bool:
        return bool(self._paths)

    def follow(self, state: State, name: str) -> tuple[State, bool]:
        """Return where the walk stands below a name, and whether a path ends there."""
        if not state:
            return state, False
        below: set[tuple[int, int]] = set()
        ends = False
        for number, position in state:
            path = self._paths[number]
            step = path[position]
            if step.deep:
                below.add((number, position))
            if not step.matches(name):
                continue
            if position + 1 == len(path):
                ends = True
            else:
                below.add((number, position + 1))
        return frozenset(below), ends
