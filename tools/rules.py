"""Rules of the source that no linter has: each returns the lines of one file that break it.

PERF: a rule looks for its words in the text first; parsing every file for every rule took twice as
long.

| rule | in words |
|---|---|
| `assignment_in_call` | no assignment expression among the arguments of a call |
| `unformatted` | nothing is kept out of the formatter (`fmt: off`, `fmt: skip`) |
| `unexplained` | `type: ignore` and `noqa` name their code, and a reason unless the code is listed here |
| `untyped_server` | what is called `server` has a type: `server: Any` is none |
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator

from tools.source import nodes, parsed

# codes that need no reason of their own, since it is the same everywhere
KNOWN_IGNORES = {
    "empty-body": "a hook specification has no body: plugins implement it",
    "import-untyped": "the library comes without types",
    "no-untyped-call": "the library comes without types",
}
KNOWN_NOQA = {
    "F401": "pytest finds an imported fixture by its name",
    "F811": "a parameter is named as the imported fixture that pytest passes",
}
UNTYPED_BASE = "misc"  # of a class statement: its base comes from a library without types
_FORMATTER = re.compile(r"#\s*fmt:\s*(off|on|skip)")
_IGNORE = re.compile(r"#\s*type:\s*ignore(?:\[(?P<codes>[^\]]*)\])?(?P<rest>.*)")
_NOQA = re.compile(
    r"#\s*(?:ruff:\s*)?noqa(?::\s*(?P<codes>[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*))?(?P<rest>.*)"
)
_SCOPES = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Every comment with its line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def assignment_in_call(text: str) -> Iterator[str]:
    """Assignment expressions in arguments; one in a comprehension or lambda that is an argument is
    not meant.
    """
    if ":=" not in text:
        return
    found: set[int] = set()
    for node in nodes(parsed(text)):
        if isinstance(node, ast.Call):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                found.update(_assignments(argument))
    yield from (f"line {line}, an assignment expression in a call" for line in sorted(found))


def _assignments(node: ast.AST) -> Iterator[int]:
    if isinstance(node, _SCOPES):
        return
    if isinstance(node, ast.NamedExpr):
        yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from _assignments(child)


def unformatted(text: str) -> Iterator[str]:
    """Comments that switch the formatter off."""
    if "fmt:" not in text:
        return
    for line, comment in comments(text):
        if _FORMATTER.search(comment):
            yield f"line {line}, {comment}"


def unexplained(text: str) -> Iterator[str]:
    """Ignored findings of mypy and ruff without a code, or without a reason where one is needed."""
    if not _NOQA.search(text) and not _IGNORE.search(text):
        return
    lines = text.splitlines()
    for line, comment in comments(text):
        is_class = lines[line - 1].lstrip().startswith("class ")
        types = {*KNOWN_IGNORES, UNTYPED_BASE} if is_class else {*KNOWN_IGNORES}
        for pattern, known in ((_IGNORE, types), (_NOQA, {*KNOWN_NOQA})):
            found = pattern.search(comment)
            if found is None:
                continue
            codes = {code.strip() for code in (found["codes"] or "").split(",")}
            if codes == {""}:
                yield f"line {line}, {comment}: name the code"
            elif not found["rest"].strip(" #-") and not codes <= known:
                yield f"line {line}, {comment}: give a reason behind it"


def untyped_server(text: str) -> Iterator[str]:
    """Parameters and attributes called `server` whose annotation is Any."""
    if "server" not in text or "Any" not in text:
        return
    for node in nodes(parsed(text)):
        if isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.AnnAssign):
            name = ast.unparse(node.target).rpartition(".")[2]
        else:
            continue
        if name.lstrip("_") != "server" or node.annotation is None:
            continue
        words = ast.unparse(node.annotation)
        if words in ("Any", "Any | None"):
            yield f"line {node.lineno}, {name}: {words}"


RULES: dict[str, Callable[[str], Iterator[str]]] = {
    "assignment_in_call": assignment_in_call,
    "unformatted": unformatted,
    "unexplained": unexplained,
    "untyped_server": untyped_server,
}
