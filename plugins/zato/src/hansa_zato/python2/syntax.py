"""The syntax of Python 2: which lines of a source have it, and how they read in Python 3.

The grammar and the rules are those of fissix, the library that 2to3 has become.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from .modules import RENAMED, WRITTEN_ANEW
from .names import BUILTINS, GONE

SYNTAX: Final = (
    "except",
    "exec",
    "ne",
    "numliterals",
    "paren",
    "print",
    "raise",
    "repr",
    "throw",
    "tuple_params",
)
"""The rules without which a source does not parse."""
RAW_TEXTS: Final = (*SYNTAX, "unicode")
"""Also for `ur"..."`; this rule changes lines that Python 3 would take, too."""
MODULES: Final = frozenset((*RENAMED, *WRITTEN_ANEW))
ROUNDS: Final = 3
"""How often a source is rewritten: `0777L` takes two rules, each in a round of its own."""
LINES_SHOWN: Final = 10


class NotPython2(Exception):
    """A source is none in Python 2, either."""


def explain(error: SyntaxError, text: str, file: str) -> SyntaxError:
    """Return what to say of a source that does not parse: in which lines it is Python 2, if it is."""
    lines = _lines_of_python2(text)
    if not lines:
        return error
    shown = ", ".join(map(str, lines[:LINES_SHOWN]))
    more = f" and {len(lines) - LINES_SHOWN} more" if len(lines) > LINES_SHOWN else ""
    word = "line" if len(lines) == 1 else "lines"
    name = file.partition("@")[0]
    told = f"Python 2 in {word} {shown}{more}; zato migrate {name} shows it in Python 3"
    return SyntaxError(told, (file, lines[0], 1, text.splitlines()[lines[0] - 1]))


def _lines_of_python2(text: str) -> list[int]:
    """Return the numbers of the lines that Python 2 alone understands; none for other faults."""
    with contextlib.suppress(NotPython2):
        return changed_lines(text, rewrite_syntax(text))
    return []


def rewrite_syntax(text: str) -> str:
    """Return a source that parses, and else is as it was; raises `NotPython2`."""
    with contextlib.suppress(NotPython2):
        return rewrite(text, SYNTAX)
    return rewrite(text, RAW_TEXTS)


def rewrite(text: str, rules: tuple[str, ...] = (), path: str = "source.py") -> str:
    """Return a source in Python 3 by these rules, by default all of 2to3.

    Raises `NotPython2` for what does not parse before, or after. Modules beside `path` are found
    where a file of a folder imports them without a dot.
    """
    complete = text.endswith("\n")
    found = text if complete else f"{text}\n"
    print_is_function = _fault(text) is None
    fault: SyntaxError | None = None
    for _ in range(ROUNDS):
        try:
            found = str(_tool(rules, print_is_function).refactor_string(found, path))
        except Exception as error:  # those of its parser and its tokenizer have no common base
            raise NotPython2(str(error)) from error
        fault = _fault(found)
        if fault is None:
            return found if complete else found.removesuffix("\n")
        print_is_function = True
    raise NotPython2(str(fault))


def is_python2(text: str) -> bool:
    """Return whether a source has syntax, modules, names or methods that Python 3 does not have."""
    try:
        nodes = list(ast.walk(parse_python3(text, "source")))
    except SyntaxError:
        return True
    return any(
        name in MODULES or name in BUILTINS or name in GONE
        for node in nodes
        for name in _names(node)
    )


def _names(node: ast.AST) -> list[str]:
    """Return the names that a part of a source imports, reads or calls."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [str(node.module)]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return [node.id]
    return [node.attr] if isinstance(node, ast.Attribute) and node.attr in GONE else []


def changed_lines(before: str, after: str) -> list[int]:
    """Return the numbers of the lines that were changed."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), False)
    return [
        line + 1
        for kind, start, end, _, _ in matcher.get_opcodes()
        if kind != "equal"
        for line in range(start, max(end, start + 1))
    ]


def parse_python3(text: str, file: str) -> ast.Module:
    """Return the syntax tree of a source; raises `SyntaxError`.

    `print >>file, text` is a fault, too, though Python 3 takes it for an expression.
    """
    tree = ast.parse(text, file)
    for node in ast.walk(tree):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.RShift):
            continue
        if isinstance(node.left, ast.Name) and node.left.id == "print":
            raise SyntaxError("print is a function", (file, node.lineno, 1, ""))
    return tree


def _fault(text: str) -> SyntaxError | None:
    """Return why a text is no Python 3."""
    try:
        parse_python3(text, "source")
    except SyntaxError as error:
        return error
    return None


@cache
def _tool(rules: tuple[str, ...], print_is_function: bool) -> Any:
    """Return what rewrites sources by rules, or by all."""
    import fissix  # lazy: it makes its grammar when it is imported

    # its cache of the grammar is pickled, and so never read: it lies where nothing was before
    with tempfile.TemporaryDirectory() as folder:
        fissix.CACHE_DIR = Path(folder)
        from fissix import refactor
    every = refactor.get_fixers_from_package("fissix.fixes")
    wanted = [name for name in every if not rules or name.rpartition(".fix_")[2] in rules]
    return refactor.RefactoringTool(wanted, {"print_function": print_is_function})
