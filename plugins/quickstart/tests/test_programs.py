"""Other programs with the commands: their names, their scripts, and their links to the pickup folder."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from hansa_quickstart import programs
from hansa_quickstart.scripts import scripts


@pytest.fixture
def acme(monkeypatch):
    """A distribution with the program `acme`, and with names that are none."""
    module = ModuleType("acme_command")
    monkeypatch.setattr(module, "PICKUP_LINKS", ("inbox",), raising=False)
    monkeypatch.setitem(sys.modules, "acme_command", module)
    declared = [
        EntryPoint(name, "acme_command", programs.GROUP) for name in ("acme", "hansa", "../x")
    ]
    monkeypatch.setattr(programs, "entry_points", lambda group: declared)


def test_a_program_that_is_declared_has_scripts_and_links(acme):
    assert programs.programs() == {"hansa": "hansa", "acme": "acme_command"}
    assert programs.pickup_links() == ["inbox"]
    found = scripts()
    assert {name.partition("-")[0] for name in found} == {"hansa", "acme"}
    assert ' -m acme_command start "$here" "$@"' in found["acme-qs-start.sh"]


@pytest.mark.parametrize(
    ("variable", "program", "title"),
    [(None, "hansa", "Hansa"), ("acme", "acme", "Acme"), ("$(rm x)", "hansa", "Hansa")],
)
def test_the_program_that_was_called(monkeypatch, variable, program, title):
    monkeypatch.delenv(programs.VARIABLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(programs.VARIABLE, variable)
    assert programs.program() == program
    assert programs.title() == title
