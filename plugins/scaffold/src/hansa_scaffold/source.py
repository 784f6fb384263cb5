"""A plugin's source: what it may import, and what must be documented. Files are parsed; nothing of
them is imported.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, TypeAlias

import hansa
from hansa import NotFound

GROUPS = ("hansa", "hansa.early")
LEVEL_GROUP = "hansa.level"
"""The entry point group in which a plugin declares its quality level."""
Table: TypeAlias = dict[str, Any]
"""A table of TOML."""
_REQUIREMENT_END = re.compile(r"[\s\[<>=!~;@(]")
MINIMUM_README_WORDS = 20


@dataclass(frozen=True)
class Source:
    """A plugin's folder, and the tables `[project]` and `[tool.hansa]` of its pyproject.toml."""

    folder: Path
    project: Table
    tool: Table = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Source:
        """Read a plugin's folder; raises `NotFound` if there is no pyproject.toml with a project in
        it.
        """
        file = folder / "pyproject.toml"
        if not file.is_file():
            raise NotFound(f"{folder} has no pyproject.toml")
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        if "project" not in data:
            raise NotFound(f"{file} has no [project]")
        return cls(folder, data["project"], data.get("tool", {}).get("hansa", {}))

    def entry_points(self, group: str) -> list[str]:
        """Return what its entry points of a group name: modules, or the level in `hansa.level`."""
        groups: dict[str, dict[str, str]] = self.project.get("entry-points", {})
        return list(groups.get(group, {}).values())

    @property
    def modules(self) -> list[str]:
        """The modules that its entry points name, those for workers first."""
        return [module for group in GROUPS for module in self.entry_points(group)]

    @property
    def declared(self) -> set[str]:
        """The normalized names of the distributions that it requires, optional ones included."""
        requirements: list[str] = list(self.project.get("dependencies", []))
        for optional in self.project.get("optional-dependencies", {}).values():
            requirements += optional
        return {
            normalized(_REQUIREMENT_END.split(requirement, maxsplit=1)[0])
            for requirement in requirements
        }

    def files(self) -> Iterator[tuple[str, ast.Module]]:
        """Yield the Python files of its source, as (path, syntax tree)."""
        source = self.folder / "src"
        yield from self._parsed(source if source.is_dir() else self.folder)

    def tests(self) -> Iterator[tuple[str, ast.Module]]:
        """Yield the Python files of its tests, as (path, syntax tree)."""
        yield from self._parsed(self.folder / "tests")

    def _parsed(self, top: Path) -> Iterator[tuple[str, ast.Module]]:
        for file in sorted(top.rglob("*.py")):
            if "templates" not in file.parts:
                path = str(file.relative_to(self.folder))
                yield path, ast.parse(file.read_text(encoding="utf-8"), str(file))

    @property
    def readme(self) -> Path:
        """Its README, which may be missing."""
        named = self.project.get("readme", "README.md")
        name = named if isinstance(named, str) else named.get("file", "README.md")
        return self.folder / name


# -- imports ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """An absolute import: its line, the module, and the name that is taken from it, if any."""

    line: int
    module: str
    name: str

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.module.partition(".")[0]


def import_faults(source: Source) -> list[str]:
    """Return the imports that a plugin may not have, each with file and line.

    Of core only the root `hansa` may be imported, and of it what is public; another plugin or a
    library only if pyproject.toml lists it.
    """
    own = {module.partition(".")[0] for module in source.modules}
    without_declaration = {*own, *sys.stdlib_module_names, "__future__"}
    homes = packages_distributions()
    faults = []
    for path, tree in source.files():
        for one in _imports(tree):
            if one.top == "hansa":
                fault = _core_fault(one)
            elif one.top in without_declaration:
                fault = ""
            else:
                fault = _library_fault(one, homes.get(one.top, [one.top]), source.declared)
            if fault:
                faults.append(f"{path}, line {one.line}: {fault}")
    return faults


def _core_fault(one: Import) -> str:
    if one.module != "hansa":
        return f"imports {one.module}; only the root is public: from hansa import ..."
    if one.name and one.name not in hansa.__all__:
        return f"hansa.{one.name} is not public"
    return ""


def _library_fault(one: Import, homes: Iterable[str], declared: set[str]) -> str:
    providers = {normalized(home) for home in homes}
    if providers & declared:
        return ""
    return (
        f"{one.top} is imported, and pyproject.toml does not list {' or '.join(sorted(providers))}"
    )


def _imports(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield Import(node.lineno, node.module or "", alias.name)


# -- documentation ---------------------------------------------------------------------------------


def documentation_faults(source: Source) -> list[str]:
    """Return what lacks documentation: modules, public classes and functions, and the README."""
    faults = []
    file = source.readme
    if not file.is_file() or len(file.read_text(encoding="utf-8").split()) < MINIMUM_README_WORDS:
        faults.append(f"{file.name} is missing or nearly empty")
    for path, tree in source.files():
        for line, what in _undocumented(tree):
            faults.append(f"{path}, line {line}: {what} has no docstring")
    return faults


def _undocumented(tree: ast.Module) -> Iterator[tuple[int, str]]:
    if tree.body and not ast.get_docstring(tree):
        yield 1, "the module"
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef) and not node.bases:
            yield from _undocumented_methods(node)


def _undocumented_methods(node: ast.ClassDef) -> Iterator[tuple[int, str]]:
    for method in node.body:
        if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
            continue
        if not _is_setter(method) and not ast.get_docstring(method):
            yield method.lineno, f"{node.name}.{method.name}"


def _is_setter(method: ast.FunctionDef) -> bool:
    """Whether a method is the setter of a property, which is documented at its getter."""
    for decorator in method.decorator_list:
        if isinstance(decorator, ast.Attribute) and decorator.attr == "setter":
            return True
    return False


def normalized(name: str) -> str:
    """Return the name of a distribution in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
