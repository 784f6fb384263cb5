"""docs/asvs.md: each answer is one of four, and each test that it names is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tools.project import TOP

PAGE = TOP / "docs" / "asvs.md"
ANSWERS = {"yes", "no", "yours", "n/a"}
_TEST = re.compile(r"`((?:plugins|tests)/[^`]*?\.py)(?:::(\w+))?`")


def rows(text: str) -> list[list[str]]:
    """The cells of the rows about requirements."""
    found = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in row] for row in found]


@cache
def functions(file: Path) -> set[str]:
    """The names of the tests in a file."""
    return set(re.findall(r"def (test_\w+)\(", file.read_text()))


def faults(text: str) -> list[str]:
    """What is wrong with the page."""
    found = []
    for number, _, _, answer, how in rows(text):
        tests = _TEST.findall(how)
        if answer not in ANSWERS:
            found.append(f"{number}: {answer!r} is no answer")
        if answer == "yes" and not how:
            found.append(f"{number}: does not say how")
        for name, function in tests:
            file = TOP / name
            if not file.is_file():
                found.append(f"{number}: there is no {name}")
            elif function and function not in functions(file):
                found.append(f"{number}: {name} has no {function}")
    return found


def test_every_answer_and_every_test_is_there():
    assert faults(PAGE.read_text()) == []


def test_most_that_holds_is_tested():
    held = [row for row in rows(PAGE.read_text()) if row[3] == "yes"]
    tested = [row for row in held if _TEST.search(row[4])]
    assert len(tested) >= 0.85 * len(held)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("| 1.1.1 | x | 2 | maybe | |", "1.1.1: 'maybe' is no answer"),
        ("| 1.1.1 | x | 2 | yes | |", "1.1.1: does not say how"),
        ("| 1.1.1 | x | 2 | yes | `tests/none.py::test_a` |", "1.1.1: there is no tests/none.py"),
        (
            "| 1.1.1 | x | 2 | yes | `tests/walls/test_asvs.py::test_none` |",
            "1.1.1: tests/walls/test_asvs.py has no test_none",
        ),
    ],
)
def test_faults_are_noticed(row: str, fault: str):
    assert faults(row) == [fault]
