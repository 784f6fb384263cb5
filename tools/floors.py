"""The floors of the core, as docs/architecture.md lists them, and the imports that go between them.

A module imports what its import statements name, and what its texts name: the module of a program
that it starts (`-m`, `-c`), or one that it imports by name. Imports that only type checkers see are none.
"""

from __future__ import annotations

import ast
import graphlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.project import TOP, core, dotted, imports
from tools.source import docstring, nodes

PAGE = TOP / "docs" / "architecture.md"
SECTION = "## The floors of the core"
_ROW = re.compile(r"^\| (?P<floor>\d+) \| (?P<names>[^|]*) \|", re.M)
_CODE = re.compile(r"\b(?:import|from)\s+(hansa[\w.]*)")
_PROGRAM = re.compile(r"(hansa[\w.]*)(?::\w+)?")
_BY_NAME = {"import_module", "__import__", "run_module"}
_LABELS = {"getLogger", "getChild", "entry_points"}


@dataclass(frozen=True)
class Step:
    """One import: which module imports which, and in which line."""

    module: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.module} (line {self.line}) imports {self.imported}"


def floors() -> dict[str, int]:
    """The floor of each folder and file directly below `hansa`, from the table of the page; 1 is
    the lowest.
    """
    section = PAGE.read_text().partition(f"{SECTION}\n")[2].partition("\n## ")[0]
    return {
        name.rstrip("/").removesuffix(".py"): int(row["floor"])
        for row in _ROW.finditer(section)
        for name in re.findall(r"`([^`]+)`", row["names"])
    }


def unit(module: str) -> str:
    """The folder or file directly below `hansa` that a module is in; empty for the root itself."""
    return module.removeprefix("hansa").removeprefix(".").partition(".")[0]


def named_in_texts(
    tree: ast.Module, modules: set[str], package: str = ""
) -> Iterator[tuple[str, int]]:
    """The modules that the texts of a module name, each with its line.

    `modules` are those that count, with their packages; `package` is the one that relative names
    start at. A text that is a package's name may also be a logger or a group of entry points, so it
    counts only where a module is asked for.
    """
    asked = {id(text) for text in _asked_for(tree)}
    labels = {id(text) for text in _labels(tree)}
    documents = {id(docstring(node)) for node in nodes(tree)}
    packages = {module.rpartition(".")[0] for module in modules}
    for node in nodes(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in labels or id(node) in documents:
            continue
        for name in _names(node.value, package if id(node) in asked else ""):
            is_label = name in packages and id(node) not in asked and name == node.value
            if name in modules and not is_label:
                yield name, node.lineno


def _names(text: str, package: str) -> Iterator[str]:
    """The dotted names that a text holds as code or is."""
    yield from _CODE.findall(text)
    if whole := _PROGRAM.fullmatch(text):
        yield whole[1]
    elif package and text.startswith("."):
        level = len(text) - len(text.lstrip("."))
        base = package.split(".")[: len(package.split(".")) - level + 1]
        yield ".".join([*base, text.lstrip(".")])


def _asked_for(tree: ast.Module) -> Iterator[ast.expr]:
    """The texts that stand where a module is asked for: behind `-m`, or in a call that imports."""
    for node in nodes(tree):
        if isinstance(node, ast.Call) and _called(node) in _BY_NAME:
            yield from node.args
        elements = getattr(node, "elts", None) or getattr(node, "args", None)
        if not isinstance(elements, list):
            continue
        for before, element in itertools.pairwise(elements):
            if isinstance(before, ast.Constant) and before.value == "-m":
                yield element


def _labels(tree: ast.Module) -> Iterator[ast.expr]:
    """The texts that name a logger or a group of entry points."""
    for node in nodes(tree):
        if isinstance(node, ast.Call) and _called(node) in _LABELS:
            yield from node.args
            yield from (keyword.value for keyword in node.keywords)


def _called(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def steps(files: list[Path] | None = None) -> list[Step]:
    """Every import of a module of core by another one."""
    sources = {dotted(file)[0]: file for file in files or core().sources()}
    found = []
    for module, file in sources.items():
        package = dotted(file)[1]
        for seen in imports(file, package):
            inner = f"{seen.module}.{seen.name}"
            imported = inner if inner in sources else seen.module
            if imported in sources and not seen.typing and imported != module:
                found.append(Step(module, imported, seen.line))
        for name, line in named_in_texts(ast.parse(file.read_text()), set(sources), package):
            if name != module:
                found.append(Step(module, name, line))
    return list(dict.fromkeys(found))


def upwards(found: list[Step], table: dict[str, int]) -> list[Step]:
    """The imports that do not go to a lower floor, those within a folder left out; the root is
    above everything.
    """
    top = max(table.values(), default=0) + 1
    wrong = []
    for step in found:
        here, there = unit(step.module), unit(step.imported)
        below = table.get(there, top) < table.get(here, top)
        if here != there and not below:
            wrong.append(step)
    return wrong


def circle(found: list[Step]) -> list[str]:
    """A circle of modules that import each other, if there is one."""
    below: dict[str, set[str]] = {}
    for step in found:
        below.setdefault(step.module, set()).add(step.imported)
    try:
        graphlib.TopologicalSorter(below).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []
