"""Deployed packages as plain values: a file or a folder of Python sources under one version, and
what it imports.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass

_NOT_IN_NAMES = re.compile(r"\W+", re.ASCII)


def import_name(package: str) -> str:
    """Return the name a package is imported by: `rates.py` and `rates/` are both `rates`, and what
    a name in Python cannot have is `_`, so that `daily-rates.py` is `daily_rates`.
    """
    return _NOT_IN_NAMES.sub("_", package.removesuffix(".py").rstrip("/"))


def files_of(package: str, source: str) -> dict[str, str]:
    """Return the files of a package by path; `source` is the text of a file, or a folder's files as
    JSON.
    """
    if package.endswith(".py"):
        return {package: source}
    files: dict[str, str] = json.loads(source)
    return files


def imports_of(package: str, source: str) -> set[str]:
    """Return the top-level names that a package imports, anywhere in it; files that do not compile
    count as importing nothing.
    """
    found: set[str] = set()
    for text in files_of(package, source).values():
        try:
            nodes = list(ast.walk(ast.parse(text)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # reported when the file is run
        for node in nodes:
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """One version of a deployed package: its source, who deployed it and when, and its services by
    class name.

    `file` is `rates.py` or `rates/`, `at` is in seconds of the Unix epoch, `current` says whether
    this version serves.
    """

    file: str
    version: int
    source: str
    sha256: str
    services: dict[str, str]
    by: str
    at: float
    current: bool

    @property
    def files(self) -> dict[str, str]:
        """The sources by path."""
        return files_of(self.file, self.source)

    @property
    def name(self) -> str:
        """The name by which it is imported."""
        return import_name(self.file)

    @property
    def imports(self) -> set[str]:
        """The top-level names that it imports."""
        return imports_of(self.file, self.source)
