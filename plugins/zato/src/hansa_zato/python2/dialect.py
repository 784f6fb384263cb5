"""How sources of services are read that may have been written for Python 2.

The functions are those that `hansa_dialects` asks for.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import ModuleType

from . import modules
from .marks import is_marked
from .names import ATTRIBUTE, BUILTINS, GONE
from .syntax import explain, parse_python3


def speaks(files: Mapping[str, str]) -> bool:
    """Return whether a package imports `zato`, a module of Python 2, or its `__future__`."""
    return is_marked(files.values())


def parse(text: str, file: str) -> ast.Module:
    """Return the syntax tree of a source, in which `.iteritems()` and the like work.

    Raises `SyntaxError`, which for the syntax of Python 2 says in which lines, and how to rewrite
    them.
    """
    try:
        tree = parse_python3(text, file)
    except SyntaxError as error:
        raise explain(error, text, file) from None
    _Attributes().visit(tree)
    return ast.fix_missing_locations(tree)


def builtins() -> Mapping[str, object]:
    """Return the built-in names that Python 3 does not have."""
    return BUILTINS


def find(name: str) -> ModuleType | None:
    """Return the module that a name means in Python 2; None for that of Python 3."""
    return modules.find(name)


class _Attributes(ast.NodeTransformer):
    """Has attributes that dictionaries had in Python 2 looked up by a function that knows them."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Look up one."""
        self.generic_visit(node)
        if node.attr not in GONE or not isinstance(node.ctx, ast.Load):
            return node
        function = ast.Name(ATTRIBUTE, ast.Load())
        call = ast.Call(function, [node.value, ast.Constant(node.attr)], [])
        return ast.copy_location(call, node)
