"""What the workspace consists of, read from its own files: packages, their modules, what each
declares and imports.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tools.source import nodes, parsed

TOP = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Package:
    """One distribution of the workspace: core, or a plugin."""

    folder: Path

    @cached_property
    def project(self) -> dict[str, Any]:
        """The table `[project]` of its pyproject.toml."""
        table: dict[str, Any] = tomllib.loads((self.folder / "pyproject.toml").read_text())[
            "project"
        ]
        return table

    @property
    def name(self) -> str:
        """The name of the distribution."""
        return str(self.project["name"])

    @property
    def module(self) -> str:
        """The name of its top module."""
        return self.name.replace("-", "_")

    @property
    def requires(self) -> set[str]:
        """The distributions it declares that it needs, extras among them, by normalised name."""
        lists = [
            self.project.get("dependencies", []),
            *self.project.get("optional-dependencies", {}).values(),
        ]
        return {
            re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0].lower().replace("_", "-")
            for found in lists
            for text in found
        }

    def entry_points(self, group: str) -> dict[str, str]:
        """Its entry points of a group."""
        return dict(self.project.get("entry-points", {}).get(group, {}))

    def sources(self) -> list[Path]:
        """Its modules, without tests."""
        return list(self._sources)

    @cached_property
    def _sources(self) -> list[Path]:
        return sorted(
            file for file in (self.folder / "src").rglob("*.py") if "__pycache__" not in file.parts
        )


@cache
def core() -> Package:
    """The core."""
    return Package(TOP / "core")


@cache
def plugins() -> tuple[Package, ...]:
    """The plugins; a folder without a pyproject.toml holds left-over caches and is none."""
    return tuple(Package(file.parent) for file in sorted(TOP.glob("plugins/*/pyproject.toml")))


@dataclass(frozen=True)
class Import:
    """One imported module, absolute, with the name taken out of it, if any; `typing` when only type
    checkers see it.
    """

    module: str
    name: str
    line: int
    typing: bool


@cache
def imports(file: Path, package: str) -> tuple[Import, ...]:
    """Every import of a module, wherever it stands in it; `package` is the dotted package that the
    file is in.
    """
    return tuple(_imports(file, package))


def _imports(file: Path, package: str) -> Iterator[Import]:
    found = nodes(parsed(file.read_text()))
    guarded: set[int] = set()
    for node in found:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for statement in node.body:
                guarded.update(id(inner) for inner in ast.walk(statement))
    for node in found:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno, id(node) in guarded)
        elif isinstance(node, ast.ImportFrom):
            base = (
                package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            )
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, id(node) in guarded)


def dotted(file: Path) -> tuple[str, str]:
    """The dotted name of a module in some `src` folder, and of the package that it is in."""
    parts = list(file.with_suffix("").parts[file.parts.index("src", len(TOP.parts)) + 1 :])
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), ".".join(parts[:-1])
    return ".".join(parts), ".".join(parts[:-1])
