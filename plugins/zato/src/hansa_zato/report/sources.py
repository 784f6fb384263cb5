"""Reads the sources of services, by their syntax alone: nothing of them is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hansa import automatic_name

from ..compatibility.table import Row
from ..python2.syntax import NotPython2, changed_lines, parse_python3, rewrite_syntax
from .lines import Line, Status
from .names import Unavailable, imported, index

LARGEST: Final = 4 * 1024 * 1024
"""Bytes that a source may have."""

_SERVICES: Final = ("Service", "Adapter", "Hook")
_CALLS: Final = frozenset({"invoke", "invoke_async", "invoke_retry"})
_INPUT: Final = "self.request.input"
"""What differs only in services that do not declare their input."""
_UNKNOWN: Final = "is none of the names of Zato's server that are known: try what needs it"
_OF_TABLE: Final[dict[str, Status]] = {"works": "runs", "differs": "differs", "not": "missing"}


@dataclass
class Source:
    """What was found in one source: lines of the report, and the names of its services."""

    lines: list[Line] = field(default_factory=list)
    services: dict[str, int] = field(default_factory=dict)


def read_source(path: Path, file: str, siblings: frozenset[str] = frozenset()) -> Source:
    """Return what becomes of a source. `file` is its name in the report, `siblings` are modules of the
    installation itself.
    """
    made = Source()
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"is larger than {LARGEST} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        made.lines.append(Line(file, 0, "missing", path.name, f"cannot be read: {error}"))
        return made
    try:
        tree = _tree(made, text, file)
        if tree is not None:
            _Reader(made, file, path.stem, siblings).read(tree)
    except RecursionError:
        made.lines.append(Line(file, 0, "missing", path.name, "is nested too deep"))
    return made


def _tree(made: Source, text: str, file: str) -> ast.Module | None:
    """Return the syntax tree of a source, as it reads in Python 3; None if it is no Python."""
    try:
        return parse_python3(text, file)
    except (SyntaxError, ValueError) as error:
        fault = error
    try:
        rewritten = rewrite_syntax(text)
    except NotPython2:
        line = getattr(fault, "lineno", 0) or 0
        made.lines.append(Line(file, line, "missing", "syntax", f"is no Python: {fault}"))
        return None
    for number in changed_lines(text, rewritten):
        made.lines.append(
            Line(file, number, "missing", "syntax", "is Python 2", f"zato migrate --write {file}")
        )
    return parse_python3(rewritten, file)


class _Reader:
    """Goes through one syntax tree."""

    def __init__(self, made: Source, file: str, stem: str, siblings: frozenset[str]) -> None:
        self.made = made
        self.file = file
        self.stem = stem
        self.siblings = siblings

    def read(self, tree: ast.Module) -> None:
        """Read imports, and classes that are services."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._import(node, alias.name)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                for alias in node.names:
                    self._import(node, node.module, alias.name)
            elif isinstance(node, ast.ClassDef) and _is_service(node):
                self._service(node)

    def _import(self, node: ast.stmt, module: str, name: str = "") -> None:
        if module.partition(".")[0] in self.siblings:
            return
        found = imported(module, name)
        subject = f"{module}.{name}" if name else module
        if isinstance(found, Unavailable):
            self._tell(node, "missing", subject, found.why, found.instead)
        elif isinstance(found, Row):
            self._row(node, subject, found)
        elif module.partition(".")[0] in ("zato", "bunch", "anyjson"):
            self._tell(node, "runs", subject)

    def _service(self, node: ast.ClassDef) -> None:
        name = _name_of(node, self.stem)
        self.made.services[name] = node.lineno
        self._tell(node, "runs", f"service {name}")
        for member in node.body:
            if isinstance(member, ast.FunctionDef):
                row = index().methods.get(member.name)
                if row is not None and row.status != "works":
                    self._row(member, member.name, row)
        seen: set[int] = set()
        declares = _declares_input(node)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                self._call(inner)
            if isinstance(inner, ast.Attribute) and id(inner) not in seen:
                self._attribute(inner, seen, declares=declares)

    def _attribute(self, node: ast.Attribute, seen: set[int], *, declares: bool) -> None:
        """Look the longest path from `self` up: parts of it have been seen with the whole."""
        path = _path(node)
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            seen.add(id(inner))
            inner = inner.value
        if not path:
            return
        row = index().attribute(path)
        if row is None:
            if path.startswith("server.") and not index().is_above(path):
                self._tell(node, "differs", f"self.{path}", _UNKNOWN)
            return
        if declares and row.name == _INPUT:
            self._tell(node, "runs", f"self.{path}")
        else:
            self._row(node, f"self.{path}", row)

    def _call(self, node: ast.Call) -> None:
        path = _path(node.func) if isinstance(node.func, ast.Attribute) else ""
        if not path:
            return
        for keyword in node.keywords:
            row = index().keywords.get((path, keyword.arg or ""))
            if row is not None and row.status != "works":
                self._row(node, f"self.{path}({keyword.arg}=)", row)
        first = node.args[0] if node.args else None
        if path.rpartition(".")[2] not in _CALLS or not isinstance(first, ast.Constant):
            return
        name = str(first.value).partition("@")[0]  # behind it, which servers are meant
        if name.startswith("zato."):
            self._zato_service(node, name)

    def _zato_service(self, node: ast.Call, name: str) -> None:
        row = index().dotted.get(name)
        if row is None:
            self._tell(node, "missing", f"service {name}", "is not there")
        else:
            self._row(node, f"service {name}", row)

    def _row(self, node: ast.AST, subject: str, row: Row) -> None:
        self._tell(node, _OF_TABLE[row.status], subject, row.why)

    def _tell(
        self, node: ast.AST, status: Status, subject: str, why: str = "", instead: str = ""
    ) -> None:
        line = getattr(node, "lineno", 0)
        self.made.lines.append(Line(self.file, line, status, subject, why, instead))


def _is_service(node: ast.ClassDef) -> bool:
    bases = (
        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        for base in node.bases
    )
    return any(str(base).endswith(_SERVICES) for base in bases)


def _declares_input(node: ast.ClassDef) -> bool:
    """Whether a service says what its input is: by SimpleIO, or by `input` in the manner of 3.x."""
    return any(
        (isinstance(member, ast.ClassDef) and member.name == "SimpleIO")
        or (isinstance(member, ast.Assign) and _assigns(member, "input"))
        for member in node.body
    )


def _name_of(node: ast.ClassDef, stem: str) -> str:
    """Return the name of a service: the one that its class states, or the one derived from it."""
    for member in node.body:
        if not isinstance(member, ast.Assign) or not isinstance(member.value, ast.Constant):
            continue
        if _assigns(member, "name"):
            return str(member.value.value)
    return automatic_name(stem, node.name)


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _path(node: ast.expr) -> str:
    """Return the attributes of `self` that an expression goes through, without `self`; else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    is_self = isinstance(node, ast.Name) and node.id == "self"
    return ".".join(reversed(parts)) if is_self else ""


def modules_in(folder: Path, sources: list[Path]) -> Iterator[str]:
    """Return the top-level modules that sources of an installation can import of each other."""
    for path in sources:
        yield path.stem
        yield from path.relative_to(folder).parts[:-1]
