"""Services that benchmarks deploy as text use what the contract has: no type checker sees them."""

from __future__ import annotations

import ast
import importlib

import pytest
from hansa import Server

from tools.project import TOP

MODULES = [
    file.stem for file in sorted((TOP / "bench").glob("*.py")) if "\nSERVICE = " in file.read_text()
]


def unknown_parts(source: str) -> list[str]:
    """The names after `self.server.` that the contract does not have."""
    return [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) == "self.server"
        and not hasattr(Server, node.attr)
    ]


def test_there_are_some():
    assert len(MODULES) >= 5


@pytest.mark.parametrize("module", MODULES)
def test_they_use_what_the_contract_has(module):
    assert unknown_parts(importlib.import_module(f"bench.{module}").SERVICE) == []


def test_what_it_has_not_is_found():
    assert unknown_parts("self.server.route('x'); self.server.objects") == ["route"]
