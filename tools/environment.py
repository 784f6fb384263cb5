"""The environment variables that the programs read, as the source declares them: constants whose
docstring begins with "The environment variable", and options of commands that have one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
from hansa_cli.connection import connection_options

from tools.live import leaves
from tools.project import Package, core, plugins

MARK = "The environment variable"
"""How the docstring of a constant begins that declares a variable."""
_NAMED = re.compile(r"(?<![A-Z_])HANSA_[A-Z][A-Z_]*")
# of WSGI and HTTP, where a header looks like a variable
_HEADERS = ("HTTP_X_", "X_HANSA")


@dataclass(frozen=True)
class Variable:
    """One variable: its name, which ends with `_` where a name of the reader's own follows, what it
    is for, and who reads it: a package, or commands.
    """

    name: str
    purpose: str
    reader: str


def variables() -> list[Variable]:
    """Every variable, by name."""
    found = [one for package in (core(), *plugins()) for one in declared(package)]
    return sorted([*found, *of_options()], key=lambda one: one.name)


def declared(package: Package) -> Iterator[Variable]:
    """The variables that constants of a package declare."""
    for file in package.sources():
        text = file.read_text()
        # PERF: few files declare one; parsing all of them took 1 s
        statements = ast.parse(text).body if MARK in text else []
        for constant, docstring in pairwise(statements):
            purpose = _text(docstring.value) if isinstance(docstring, ast.Expr) else ""
            name = _constant(constant)
            if name and purpose.startswith(MARK):
                yield Variable(name, "Variable" + purpose.removeprefix(MARK), package.name)


def _constant(statement: ast.stmt) -> str:
    """The text that a statement gives to a name; empty if it does something else."""
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        return _text(statement.value)
    return ""


def _text(value: ast.expr) -> str:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return " ".join(value.value.split())
    return ""


def of_options() -> list[Variable]:
    """The variables that stand for options of commands."""
    of_all = {option.envvar for option in connection_options()}
    found: dict[str, Variable] = {}
    for path, command, _ in leaves():
        for option in command.params:
            name = option.envvar
            if isinstance(option, click.Option) and isinstance(name, str):
                purpose = f"In place of `{option.opts[0]}`. {option.help}"
                reader = "commands that talk to a server" if name in of_all else " ".join(path)
                found[name] = Variable(name, purpose, reader)
    return list(found.values())


def undeclared() -> list[str]:
    """The names that the source mentions and nobody declares, each with its file."""
    known = {one.name for one in variables()}
    prefixes = tuple(name for name in known if name.endswith("_"))
    found = []
    for package in (core(), *plugins()):
        for file in package.sources():
            for name in sorted(_names_in(file)):
                if name not in known and not name.startswith(prefixes):
                    found.append(f"{file.name}: {name}")
    return found


def _names_in(file: Path) -> set[str]:
    return {
        name
        for name in _NAMED.findall(file.read_text())
        if not name.startswith(_HEADERS) and name != "HANSA_"
    }
