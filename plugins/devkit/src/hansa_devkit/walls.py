"""The walls around a plugin: what its source may import, and what must be documented. Read from the files; nothing is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import hansa
from hansa import NotFound


@dataclass(frozen=True)
class Source:
    """A plugin's folder: its pyproject.toml and the files of its package."""

    folder: Path
    project: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Source:
        """Read a plugin's folder; raises `NotFound` if there is no pyproject.toml with a project in it."""
        file = folder / "pyproject.toml"
        if not file.is_file():
            raise NotFound(f"{folder} has no pyproject.toml")
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        if "project" not in data:
            raise NotFound(f"{file} has no [project]")
        return cls(folder, data["project"])

    @property
    def modules(self) -> list[str]:
        """The modules that its entry points name, workers' first."""
        groups = self.project.get("entry-points", {})
        return [
            value for group in ("hansa", "hansa.early") for value in groups.get(group, {}).values()
        ]

    @property
    def declared(self) -> set[str]:
        """The distributions that it depends on, normalized; optional ones included."""
        optional = self.project.get("optional-dependencies", {}).values()
        texts = [
            *self.project.get("dependencies", []),
            *(text for group in optional for text in group),
        ]
        return {_normal(re.split(r"[\s\[<>=!~;@(]", text, maxsplit=1)[0]) for text in texts}

    def files(self) -> Iterator[tuple[str, ast.Module]]:
        """The Python files of its source, as (path, syntax tree)."""
        source = self.folder / "src"
        for file in sorted((source if source.is_dir() else self.folder).rglob("*.py")):
            if "templates" not in file.parts:
                yield (
                    str(file.relative_to(self.folder)),
                    ast.parse(file.read_text(encoding="utf-8"), str(file)),
                )


def import_faults(source: Source) -> list[str]:
    """Imports that a plugin may not have.

    From core only the root `hansa`, and of it what is public; another plugin or a library only if pyproject.toml lists it.
    """
    own = {module.split(".")[0] for module in source.modules}
    homes = packages_distributions()
    faults = []
    for path, tree in source.files():
        for line, module, name in _imports(tree):
            top = module.split(".")[0]
            where = f"{path}, line {line}: "
            if top == "hansa":
                if module != "hansa":
                    faults.append(
                        f"{where}imports {module}; only the root is public: from hansa import ..."
                    )
                elif name and name not in getattr(hansa, "__all__"):  # noqa: B009 - it is made with the first name that is asked for
                    faults.append(f"{where}hansa.{name} is not public")
            elif top not in own and top not in sys.stdlib_module_names and top != "__future__":
                providers = {_normal(home) for home in homes.get(top, [top])}
                if not providers & source.declared:
                    faults.append(
                        f"{where}{top} is imported, and pyproject.toml does not list {' or '.join(sorted(providers))}"
                    )
    return faults


def documentation_faults(source: Source) -> list[str]:
    """What has no words: modules, public classes and functions without a docstring, and a missing or empty README."""
    faults = []
    readme = source.project.get("readme", "README.md")
    file = source.folder / (readme if isinstance(readme, str) else readme.get("file", "README.md"))
    if not file.is_file() or len(file.read_text(encoding="utf-8").split()) < 20:
        faults.append(f"{file.name} is missing, or says next to nothing")
    for path, tree in source.files():
        faults += [
            f"{path}, line {line}: {what} has no docstring" for line, what in _undocumented(tree)
        ]
    return faults


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Absolute imports as (line, module, name or nothing)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield node.lineno, node.module or "", alias.name


def _undocumented(tree: ast.Module) -> Iterator[tuple[int, str]]:
    if tree.body and not ast.get_docstring(tree):
        yield 1, "the module"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node.lineno, node.name
            if isinstance(node, ast.ClassDef) and not node.bases:
                for method in node.body:
                    if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
                        continue
                    decorators = (
                        one.attr for one in method.decorator_list if isinstance(one, ast.Attribute)
                    )
                    setter = "setter" in decorators  # its property tells
                    if not setter and not ast.get_docstring(method):
                        yield method.lineno, f"{node.name}.{method.name}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
