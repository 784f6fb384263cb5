"""What one Python file is made of: its lines of code, its uses of `Any`, and what it leaves undocumented."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_PASSIVE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def docstring(node: ast.AST) -> ast.Constant | None:
    """The docstring of a module, class or function, as a node; None without one."""
    if not isinstance(node, Documented) or not node.body:
        return None
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    return first.value if isinstance(first.value.value, str) else None


def docstring_lines(tree: ast.AST) -> set[int]:
    """The numbers of the lines that docstrings take."""
    lines: set[int] = set()
    for node in nodes(tree):
        if found := docstring(node):
            lines.update(range(found.lineno, (found.end_lineno or found.lineno) + 1))
    return lines


@lru_cache(maxsize=1)
def parsed(text: str) -> ast.Module:
    """The tree of a source; that of the last one is kept, since many look at one after the other."""
    return ast.parse(text)


@lru_cache(maxsize=1)
def nodes(tree: ast.AST) -> list[ast.AST]:
    """All nodes of a tree but those that say whether a name is read or written; those of the last
    tree are kept, since every rule looks at them.
    """
    found = [tree]
    for node in found:
        for name in node._fields:
            if name == "ctx":
                continue
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
    return found


def code_lines(text: str) -> list[str]:
    """The lines that are not blank, comment or docstring, without indentation; a trailing comment
    belongs to its line.
    """
    tree = parsed(text)
    lines = text.splitlines()
    passive = {number for number, line in enumerate(lines, 1) if _is_passive(line)}
    documented = docstring_lines(tree)
    used = set(range(1, len(lines) + 1)) - passive - documented
    # PERF: only where a text of several lines holds what looks like comments or blank lines do
    # tokens have to say what it is; asking them of every file took twice as long
    if (passive - documented) & _text_lines(tree):
        used = _token_lines(text) - documented
    return [lines[number - 1].strip() for number in sorted(used)]


def _is_passive(line: str) -> bool:
    """Whether a line is blank or a comment, unless it is inside a text."""
    code = line.strip()
    return not code or code.startswith("#")


def _text_lines(tree: ast.AST) -> set[int]:
    """The numbers of the lines of all texts that go over several lines."""
    lines: set[int] = set()
    for node in nodes(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and node.end_lineno != node.lineno:
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def _token_lines(text: str) -> set[int]:
    """The numbers of the lines that have a token other than a comment."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _PASSIVE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def lines_of_code(file: Path) -> int:
    """The number of lines that are not blank, comment or docstring."""
    return len(code_lines(file.read_text()))


def anys(tree: ast.AST) -> int:
    """How often `Any` stands in the code, imports left out; `typing.Any` and quoted annotations count."""
    return _anys(nodes(tree))


def _anys(found: Iterable[ast.AST]) -> int:
    count = 0
    for node in found:
        if isinstance(node, ast.Name):
            count += node.id == "Any"
        elif isinstance(node, ast.Attribute):
            count += node.attr == "Any"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            count += _quoted_anys(node.value)
    return count


def _quoted_anys(text: str) -> int:
    """The same for a string that is a type: `cast("dict[str, Any]", x)`."""
    if "Any" not in text or " " in text.replace(", ", "").replace(" | ", ""):
        return 0
    try:
        return _anys(ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        return 0


def undocumented(tree: ast.Module) -> list[str]:
    """The public modules, classes and functions without a docstring, each with its line.

    Methods of a class with bases may override documented ones and are left to ruff.
    """
    missing = [] if docstring(tree) else ["the module"]
    missing += _undocumented(tree.body, prefix="", inherits=False)
    return missing


def _undocumented(body: list[ast.stmt], prefix: str, inherits: bool) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or _is_setter(node):
            continue
        may_override = inherits and not isinstance(node, ast.ClassDef)
        if not docstring(node) and not may_override:
            yield f"{prefix}{node.name} (line {node.lineno})"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node.body, f"{prefix}{node.name}.", bool(node.bases))


def _is_setter(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it only completes a property, whose getter has the docstring."""
    return any(
        isinstance(decorator, ast.Attribute) and decorator.attr in ("setter", "deleter")
        for decorator in node.decorator_list
    )
