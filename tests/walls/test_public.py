"""The public API of core: every name that `from hansa import ...` may take, listed, bounded and
documented.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import hansa
import pytest

from tools.project import core

ROOT = core().folder / "src" / "hansa" / "__init__.py"
LIST = Path(__file__).parent / "public_names.txt"
AT_MOST = 140


def for_type_checkers() -> dict[str, set[str]]:
    """The names under TYPE_CHECKING, by module, each imported as itself."""
    found: dict[str, set[str]] = {}
    tree = ast.parse(ROOT.read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    for node in block.body:
        assert isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        assert all(alias.asname == alias.name for alias in node.names), "import A as A"
        found.setdefault(node.module, set()).update(alias.name for alias in node.names)
    return found


def at_run_time() -> dict[str, set[str]]:
    """The names that are loaded when they are first used, by module."""
    for node in ast.parse(ROOT.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_PUBLIC":
            table = ast.literal_eval(node.value)
            return {module: set(names) for module, names in table.items()}
    raise AssertionError("no _PUBLIC")


def test_type_checkers_see_what_is_loaded():
    assert for_type_checkers() == at_run_time()


@pytest.mark.rebuilt
def test_a_name_becomes_public_by_being_listed():
    """A new name is a promise: add it to public_names.txt in the same commit."""
    assert sorted(hansa.__all__) == LIST.read_text().split()


def test_there_are_not_too_many():
    assert len(hansa.__all__) == len(set(hansa.__all__)) <= AT_MOST


@pytest.mark.rebuilt
@pytest.mark.parametrize("name", sorted(hansa.__all__))
def test_each_can_be_had_and_is_documented(name):
    thing = getattr(hansa, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert inspect.getdoc(thing), f"hansa.{name} has no docstring"
    assert name in hansa.__all__


def test_others_cannot_be_had():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        hansa.Nothing  # noqa: B018 - it raises
