"""Tests that cannot fail by their own judgement: no assertion, no expected exception, no helper with one.

A heuristic: helpers are known by their names alone, wherever in the tests they stand. A test that only
has to end without an exception says so in its docstring ("... does not raise", "... ends").
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.source import nodes, parsed

Function = ast.FunctionDef | ast.AsyncFunctionDef
# calls that fail a test by themselves
JUDGES = {
    "raises",
    "warns",
    "fail",
    "deprecated_call",
    "assert_outcomes",
    "fnmatch_lines",
    "fnmatch_lines_random",
    "check_call",
}
ENDS = re.compile(r"\b(does not raise|without an? (exception|error)|ends)\b")


@dataclass(frozen=True)
class Definition:
    """A function of the tests or their helpers; `names` are those it calls, and its parameters'
    (fixtures).
    """

    name: str
    line: int
    names: frozenset[str]
    judges: bool
    may_only_end: bool

    @property
    def is_test(self) -> bool:
        """Whether pytest collects it by its name."""
        return self.name.startswith("test_")


def definitions(text: str) -> list[Definition]:
    """Every function of a module, methods and inner ones included."""
    found = nodes(parsed(text))
    telling = [node for node in found if isinstance(node, ast.Call | ast.Assert | ast.Raise)]
    telling.sort(key=lambda node: node.lineno)
    lines = [node.lineno for node in telling]
    defined = []
    for node in found:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # PERF: what is inside is known by its lines; a walk through each function takes twice
            # as long
            first = bisect_left(lines, min([node.lineno, *(d.lineno for d in node.decorator_list)]))
            last = bisect_right(lines, node.end_lineno or node.lineno)
            defined.append(definition(node, telling[first:last]))
    return defined


def definition(function: Function, inside: Iterable[ast.AST]) -> Definition:
    """What matters of a function; `inside` are its calls, assertions and exceptions."""
    names = {argument.arg for argument in function.args.args}
    judges = False
    for node in inside:
        if isinstance(node, ast.Call):
            names.add(last_name(node.func))
        elif isinstance(node, ast.Assert):
            judges = True
        elif isinstance(node, ast.Raise) and node.exc is not None:
            judges |= "AssertionError" in ast.unparse(node.exc)
    text = ast.get_docstring(function) or ""
    return Definition(
        function.name, function.lineno, frozenset(names), judges, ENDS.search(text) is not None
    )


def last_name(called: ast.expr) -> str:
    """`check` of `check(...)` and of `self.helpers.check(...)`."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def judging_names(found: Iterable[Definition]) -> set[str]:
    """The names of functions that can fail a test, directly or by what they call."""
    helpers = [each for each in found if not each.is_test]
    judging = JUDGES | {each.name for each in helpers if each.judges}
    while True:
        more = {each.name for each in helpers if each.names & judging} - judging
        if not more:
            return judging
        judging |= more


def tests_without_assertion(
    tests: Mapping[Path, Sequence[Definition]], helpers: Iterable[Definition]
) -> Iterator[tuple[Path, str]]:
    """The tests that judge nothing, with their file; `helpers` are further functions, which may
    assert.
    """
    judging = judging_names([*helpers, *(each for mine in tests.values() for each in mine)])
    for file, mine in tests.items():
        if not file.name.startswith("test_"):
            continue
        for each in mine:
            judged = each.judges or each.may_only_end or each.names & judging
            if each.is_test and not judged:
                yield file, f"line {each.line}, {each.name}"
