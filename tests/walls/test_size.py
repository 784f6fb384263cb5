"""The figures of the source keep their bounds: sizes, `Any`, complexity, documentation, and rules
without a linter.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tools import figures, rules
from tools.assertions import definitions, tests_without_assertion as aimless
from tools.measures import Figures, figures as measured
from tools.source import anys, code_lines, lines_of_code

# the first test waits until the whole tree has been measured
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def found() -> list[Figures]:
    return measured()


@pytest.mark.rebuilt
@pytest.mark.parametrize(
    "bound", figures.BOUNDS, ids=[f"{each.name} in {each.kinds[0]}" for each in figures.BOUNDS]
)
def test_bounds_hold(found, bound):
    broken = [each for each in figures.verdicts(bound, found) if not each.holds]
    assert not broken, "see: python -m tools.figures --where"


def test_every_package_is_measured(found):
    assert len([each for each in found if each.kind == "plugin"]) >= 20
    assert all(each.lines for each in found if each.kind in figures.SOURCES)


def test_no_file_is_over_400_lines_of_code(found):
    assert {each.largest_file: each.largest for each in found if each.largest > 400} == {}


def test_the_report_names_every_bound_and_folder(found):
    assert len(figures.table(found)) == len(found) + 1
    text = "\n".join(figures.judged(found, where=True))
    assert all(bound.name in text for bound in figures.BOUNDS)
    report = json.loads(figures.as_json(found))
    assert {each["name"] for each in report["figures"]} == {each.name for each in found}
    assert all(each["holds"] == (each["value"] <= each["most"]) for each in report["bounds"])


def test_what_counts_as_code(tmp_path: Path):
    source = tmp_path / "counted.py"
    source.write_text(
        '"""Docstring\nof two lines."""\n\n# comment\n\n'
        'def f():\n    """One."""\n    return """a\nb"""  # code\n'
    )
    assert lines_of_code(source) == 3
    assert code_lines(source.read_text()) == ["def f():", 'return """a', 'b"""  # code']


def test_which_anys_count():
    text = "from typing import Any\nx: Any = cast('dict[str, Any]', 'Any text')\ny: typing.Any\n"
    assert anys(ast.parse(text)) == 3


@pytest.mark.parametrize(
    ("rule", "text", "lines"),
    [
        ("assignment_in_call", "f(a, (b := 1))\nf([g(x := 1)])\n", [1, 2]),
        ("assignment_in_call", "if (a := f(1)): ...\nf([b for c in d if (b := c)])\n", []),
        ("unformatted", "a = 1  # fmt: skip\n# fmt: off\nb = '# fmt: off'\n", [1, 2]),
        ("unexplained", "a = 1  # type: ignore\nb = 2  # noqa\n", [1, 2]),
        ("unexplained", "a = 1  # type: ignore[arg-type]\nb = 2  # noqa: B018\n", [1, 2]),
        ("unexplained", "a()  # type: ignore[arg-type]  # why\nb  # noqa: B018 - why\n", []),
        ("unexplained", "import a  # type: ignore[import-untyped]\nimport b  # noqa: F401\n", []),
        (
            "unexplained",
            "class A(B):  # type: ignore[misc]\n    c = d  # type: ignore[misc]\n",
            [2],
        ),
        ("untyped_server", "def f(server: Any): ...\nserver: Any | None = None\n", [1, 2]),
        ("untyped_server", "class A:\n    _server: Any\n\n    server: Server\n", [2]),
        ("untyped_server", "def f(server: dict[str, Any], other: Any): ...\n", []),
    ],
)
def test_rules_notice_a_breach(rule, text, lines):
    found = list(rules.RULES[rule](text))
    assert sorted(int(each.split()[1].rstrip(",")) for each in found) == lines


def test_tests_that_judge_nothing_are_noticed(tmp_path: Path):
    file = tmp_path / "test_it.py"
    file.write_text(
        "def helper():\n    assert True\n"
        "def through():\n    helper()\n"
        "def test_asserts():\n    assert True\n"
        "def test_expects():\n    with pytest.raises(KeyError): ...\n"
        "def test_has_help():\n    self.through()\n"
        'def test_ends():\n    """A closed queue does not raise."""\n    print()\n'
        "def test_nothing():\n    print()\n"
    )
    assert list(aimless({file: definitions(file.read_text())}, [])) == [
        (file, "line 14, test_nothing")
    ]
