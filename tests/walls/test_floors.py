"""Inside core, imports go down from floor to floor, as docs/architecture.md lists them, and never
in a circle.
"""

from __future__ import annotations

import ast

import pytest

from tools import floors
from tools.floors import Step
from tools.project import core, dotted


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return floors.steps()


def test_the_page_gives_every_folder_and_file_a_floor():
    root = core().folder / "src" / "hansa"
    folders = {file.parent.name for file in root.glob("*/__init__.py")}
    files = {file.stem for file in root.glob("*.py")} - {"__init__"}
    table = floors.floors()
    assert set(table) == folders | files
    assert set(table.values()) == set(range(1, max(table.values()) + 1))


@pytest.mark.rebuilt
def test_imports_go_downwards(steps):
    wrong = floors.upwards(steps, floors.floors())
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.rebuilt
def test_no_circle_between_files(steps):
    assert floors.circle(steps) == []


def test_only_the_program_imports_the_root(steps):
    assert {step.module for step in steps if step.imported == "hansa"} <= {"hansa.__main__"}


def test_texts_that_name_modules_are_among_the_steps(steps):
    # a worker is a program of its own, which the supervisor starts by the name of its module
    assert "hansa.process.worker" in {step.imported for step in steps if "process" in step.module}
    assert len(steps) > len(core().sources())


MODULES = {"hansa.odb", "hansa.odb.tables", "hansa.cli", "hansa.process.worker", "hansa.plugins.x"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[sys.executable, "-m", "hansa.process.worker"]', ["hansa.process.worker"]),
        ('[sys.executable, "-P", "-m", "hansa.odb"]', ["hansa.odb"]),
        ('run("-m", "hansa.odb")', ["hansa.odb"]),
        (
            'program = "import sys; from hansa.process.worker import check"',
            ["hansa.process.worker"],
        ),
        ('f"import hansa.odb.tables; print({x})"', ["hansa.odb.tables"]),
        ('import_module("hansa.odb")', ["hansa.odb"]),
        ('import_module(".tables", "hansa.odb")', ["hansa.odb.tables", "hansa.odb"]),
        ('entry = "hansa.cli:main"', ["hansa.cli"]),
        ('WORKER = "hansa.process.worker"', ["hansa.process.worker"]),
        ('logging.getLogger("hansa.process.worker")', []),
        ('entry_points(group="hansa.odb")', []),
        ('EARLY = "hansa.plugins"', []),
        ('"""Run as `python -m hansa.process.worker`, or import hansa.cli."""', []),
    ],
)
def test_modules_named_in_texts(text, named):
    found = floors.named_in_texts(ast.parse(text), MODULES, "hansa.odb")
    assert [name for name, _ in found] == named


def test_a_step_up_and_a_circle_are_noticed():
    table = {"foundation": 1, "odb": 2, "process": 3}
    down = Step("hansa.process.worker", "hansa.odb", 1)
    inside = Step("hansa.odb.tables", "hansa.odb.keys", 1)
    up = Step("hansa.odb.tables", "hansa.process.worker", 1)
    root = Step("hansa.odb.tables", "hansa", 1)
    unknown = Step("hansa.odb.tables", "hansa.other.x", 1)
    assert floors.upwards([down, inside, up, root, unknown], table) == [up, root, unknown]
    assert floors.circle([down, inside]) == []
    assert set(floors.circle([inside, Step("hansa.odb.keys", "hansa.odb.tables", 2)])) == {
        "hansa.odb.tables",
        "hansa.odb.keys",
    }


def test_every_module_of_core_has_a_unit():
    assert floors.unit("hansa") == ""
    assert {floors.unit(dotted(file)[0]) for file in core().sources()} == {"", *floors.floors()}
