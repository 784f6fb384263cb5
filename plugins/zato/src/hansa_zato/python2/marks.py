"""Which sources are of the dialect: those that import what only services of Zato, or Python 2, have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from ..visible import ALIASES
from .modules import RENAMED, WRITTEN_ANEW

FUTURE: Final = "__future__"
FEATURES: Final = frozenset(("absolute_import", "division", "print_function", "unicode_literals"))
"""What sources for Python 2 ask of `__future__`, and those for Python 3 have no reason to."""
MARKS: Final = frozenset((*ALIASES, *RENAMED, *WRITTEN_ANEW))
_IMPORT: Final = re.compile(r"^\s*(?:from\s+([\w.]+)\s+import\b|import\s+([\w., ]+))", re.MULTILINE)


def is_marked(texts: Iterable[str]) -> bool:
    """Return whether one of these sources imports `zato`, a module of Python 2, or its `__future__`."""
    return any(name in MARKS for text in texts for name in _imported(text))


def _imported(text: str) -> Iterator[str]:
    """Return the top-level names that a source imports, and `zato` for a mark of Python 2."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _imported_by_lines(text)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from (alias.name, alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = str(node.module)
            yield from (module, module.partition(".")[0])
            if module == FUTURE and any(alias.name in FEATURES for alias in node.names):
                yield "zato"


def _imported_by_lines(text: str) -> Iterator[str]:
    """Return what the lines of a source seem to import that is no Python 3."""
    for found in _IMPORT.finditer(text):
        for name in (found[1] or found[2]).split(","):
            module = name.split()[0] if name.split() else ""
            yield from (module, module.partition(".")[0])
