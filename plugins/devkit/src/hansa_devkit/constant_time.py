"""Read the source of a security type for comparisons whose time tells a secret."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from types import ModuleType
from typing import Any

from hansa import fields

_SECRET = {"password", "passphrase", "secret", "token", "digest", "signature", "hmac"}
_SAFE = re.compile(r"^(compare_digest|verify|verify_\w+|check_\w+|checkpw)$")


def faults(cls: Any) -> list[str]:
    """Where the class, or a module of its package that it uses, compares a secret by `==` or `!=`.

    Also a fault is that nothing in there compares in constant time: no call of `compare_digest`, or
    of a `verify...`.
    """
    words = _SECRET | {field.name for field in fields(cls.Config) if field.secret}
    found, safe = [], False
    for module in _modules(cls):
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and _tells(node, words):
                found.append(
                    f"{module.__name__}, line {node.lineno}: {ast.unparse(node)}; use hmac.compare_digest"
                )
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr
                    if isinstance(node.func, ast.Attribute)
                    else getattr(node.func, "id", "")
                )
                safe = safe or bool(_SAFE.match(called))
    if not safe:
        found.append(
            f"{cls.__module__}: nothing compares in constant time; use hmac.compare_digest"
        )
    return found


def _tells(node: ast.Compare, words: set[str]) -> bool:
    if not any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
        return False
    sides = [node.left, *node.comparators]
    if any(isinstance(side, ast.Constant) or _is_length(side) for side in sides):
        return False
    if len(sides) == 2 and (_part_of(*sides) or _part_of(*reversed(sides))):
        return False  # a value with something made of itself: nothing to learn
    names = {
        getattr(part, "attr", getattr(part, "id", "")) for side in sides for part in ast.walk(side)
    }
    return any(
        word in words
        for name in names
        for word in {name.lower(), *name.lower().strip("_").split("_")}
    )


def _part_of(one: ast.expr, other: ast.expr) -> bool:
    return any(ast.dump(part) == ast.dump(one) for part in ast.walk(other))


def _is_length(side: ast.expr) -> bool:
    return isinstance(side, ast.Call) and isinstance(side.func, ast.Name) and side.func.id == "len"


def _modules(cls: Any) -> list[ModuleType]:
    """The modules of the class and its bases, core apart, and what they import from their own
    packages and from hansa_security, which compares for many of them.
    """
    waiting = [
        base.__module__
        for base in cls.__mro__
        if base.__module__.split(".")[0] not in ("hansa", "builtins")
    ]
    found: dict[str, ModuleType] = {}
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if module is None or name in found:
            continue
        found[name] = module
        packages = (name.split(".")[0], "hansa_security")
        for value in vars(module).values():
            home = (
                value.__name__
                if isinstance(value, ModuleType)
                else getattr(value, "__module__", None) or ""
            )
            if isinstance(home, str) and home.split(".")[0] in packages:
                waiting.append(home)
    return list(found.values())
