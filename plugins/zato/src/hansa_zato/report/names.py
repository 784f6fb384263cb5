"""What is known of Zato's names: an index of the table of hansa_zato.compatibility."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Final

from ..compatibility.table import Row, rows
from ..python2.modules import RENAMED, WRITTEN_ANEW
from ..visible import ALIASES

_PLAIN: Final = re.compile(r"self(\.\w+)+\Z")
_KEYWORDS: Final = re.compile(r"self\.([\w.]+)\(\.\.\., ((?:\w+=(?:, )?)+)\)\Z")
_WORD: Final = re.compile(r"[a-z_]\w*\Z")


@dataclass
class Index:
    """Rows of the table by what a source has: attributes, keywords of calls, methods, services, modules."""

    attributes: dict[str, Row] = field(default_factory=dict)
    keywords: dict[tuple[str, str], Row] = field(default_factory=dict)
    methods: dict[str, Row] = field(default_factory=dict)
    dotted: dict[str, Row] = field(default_factory=dict)

    def attribute(self, path: str) -> Row | None:
        """Return the row of an attribute of `self`, or of the nearest one above it."""
        parts = path.split(".")
        for end in range(len(parts), 0, -1):
            found = self.attributes.get(".".join(parts[:end]))
            if found is not None:
                return found
        return None

    def is_above(self, path: str) -> bool:
        """Whether there are rows of attributes of this attribute of `self`."""
        return any(name.startswith(f"{path}.") for name in self.attributes)


@cache
def index() -> Index:
    """Return the rows of the table, as sources are looked up in it."""
    made = Index()
    for row in rows():
        _add(made, row)
    return made


def _add(made: Index, row: Row) -> None:
    keywords = _KEYWORDS.match(row.name)
    if keywords is not None:
        for keyword in re.findall(r"\w+", keywords[2]):
            made.keywords[keywords[1], keyword] = row
        return
    for name in row.name.split(", "):
        if _PLAIN.match(name):
            made.attributes[name.removeprefix("self.")] = row
        elif _WORD.match(name):
            made.methods[name] = row
            made.dotted.setdefault(name, row)
        else:
            made.dotted.setdefault(name, row)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why something that a source imports is not there, and what to do."""

    why: str
    instead: str = ""


def imported(module: str, name: str = "") -> Row | Unavailable | None:
    """Return what is known of an import: a row, why it fails, or None if it works."""
    table = index().dotted
    for known in (f"{module}.{name}", module):
        row = table.get(known)
        if row is not None and (row.status != "works" or known != module):
            return row
    top = module.partition(".")[0]
    if top in ALIASES:
        return None if _is_here(module, name) else Unavailable("is not there")
    if module in RENAMED or module in WRITTEN_ANEW or top in RENAMED or top in WRITTEN_ANEW:
        return None
    if find_spec(top) is None:
        return Unavailable("is not installed", f"pip install what has the module {top}")
    return None


def _is_here(module: str, name: str) -> bool:
    """Whether a module of Zato, or a name in it, is among those of this dialect."""
    top, _, rest = module.partition(".")
    inner = ".".join(filter(None, (ALIASES[top], rest)))
    if module.startswith("zato.client"):
        return find_spec("hansa_zato_client") is not None
    try:
        found = importlib.import_module(inner)
        return not name or name == "*" or hasattr(found, name) or bool(_submodule(inner, name))
    except ImportError:
        return False


def _submodule(module: str, name: str) -> object:
    try:
        return find_spec(f"{module}.{name}")
    except (ImportError, ValueError):
        return None
