"""Measures the source of the workspace, folder by folder: sizes, `Any`, and places that break a rule."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.assertions import Definition, definitions, tests_without_assertion
from tools.project import TOP, core, plugins
from tools.rules import RULES
from tools.source import anys, code_lines, parsed, undocumented

WIDEST = 110
MOST_COMPLEX = 10
# what places are found for, besides the rules of tools/rules.py
WIDE = f"line over {WIDEST} characters"
COMPLEX = f"function with a complexity over {MOST_COMPLEX}"
UNDOCUMENTED = "public definition without a docstring"
AIMLESS = "test without an assertion"


@dataclass(frozen=True)
class Folder:
    """Sources that are measured together: the core, a plugin, or a folder beside them."""

    name: str
    kind: str
    sources: list[Path]
    tests: list[Path]


@dataclass(frozen=True)
class Finding:
    """One place that breaks a rule: the rule, the file relative to the project, and what is there."""

    rule: str
    file: str
    what: str


@dataclass(frozen=True)
class Figures:
    """What was measured of a folder: lengths in characters, `Any` for each 100 lines of code."""

    name: str
    kind: str
    files: int
    lines: int
    mean_line: float
    any_per_100: float
    largest: int
    largest_file: str
    test_lines: int
    findings: list[Finding]

    @property
    def test_lines_per_line(self) -> float:
        """Lines of code of its tests for each line of its own."""
        return self.test_lines / max(self.lines, 1)

    def breaking(self, rule: str) -> list[Finding]:
        """The places that break one rule."""
        return [finding for finding in self.findings if finding.rule == rule]


def python_files(folder: Path) -> list[Path]:
    """The Python files below a folder."""
    return sorted(file for file in folder.rglob("*.py") if "__pycache__" not in file.parts)


def relative(file: Path) -> str:
    """The path of a file inside the project."""
    return file.relative_to(TOP).as_posix()


def folders() -> list[Folder]:
    """Everything that is measured."""
    found = [Folder("core", "core", core().sources(), python_files(TOP / "tests" / "core"))]
    for package in plugins():
        tests = python_files(package.folder / "tests")
        found.append(Folder(package.name, "plugin", package.sources(), tests))
    for name in ("tools", "bench"):
        found.append(Folder(name, name, python_files(TOP / name), []))
    examples = python_files(TOP / "examples")
    tests = [file for file in examples if "tests" in file.parts]
    sources = [file for file in examples if "tests" not in file.parts]
    found.append(Folder("examples", "examples", sources, tests))
    others = [file for file in python_files(TOP / "tests") if "core" not in file.parts]
    found.append(Folder("tests", "tests", [], others))
    return found


def complex_functions(files: Iterable[Path]) -> Iterator[Finding]:
    """The functions whose cyclomatic complexity ruff finds too high (McCabe, rule C901)."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--ignore-noqa"]
    command += ["--select", "C901", "--config", f"lint.mccabe.max-complexity={MOST_COMPLEX}"]
    command += ["--output-format", "json", "--exit-zero", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TOP)
    for each in json.loads(done.stdout):
        what = f"line {each['location']['row']}, {each['message']}"
        yield Finding(COMPLEX, relative(Path(each["filename"])), what)


@dataclass(frozen=True)
class Reading:
    """What one file holds: its lines of code, how often it has `Any`, what breaks a rule, and its
    functions.
    """

    code: list[str]
    anys: int
    findings: list[Finding]
    definitions: list[Definition]


def read(file: Path, *, is_test: bool) -> Reading:
    """Read a file, once for everything."""
    text = file.read_text()
    return Reading(
        code_lines(text),
        anys(parsed(text)),
        [*places(file, text, is_test)],
        definitions(text),
    )


def tests_that_judge_nothing(
    found: Iterable[Folder], readings: Mapping[Path, Reading]
) -> Iterator[Finding]:
    """The tests without an assertion; the conformance kits of plugins are helpers of tests."""
    tests = {file: readings[file].definitions for folder in found for file in folder.tests}
    sources = [file for package in plugins() for file in package.sources()]
    helpers = [each for file in sources for each in readings[file].definitions]
    for file, what in tests_without_assertion(tests, helpers):
        yield Finding(AIMLESS, relative(file), what)


def places(file: Path, text: str, is_test: bool) -> Iterator[Finding]:
    """What breaks a rule in one file, as far as the file alone shows it."""
    name = relative(file)
    for rule, check in RULES.items():
        if rule == "untyped_server" and is_test:
            continue
        for what in check(text):
            yield Finding(rule, name, what)
    if is_test:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDEST:
            yield Finding(WIDE, name, f"line {number}, {len(line)} characters")
    for what in undocumented(parsed(text)):
        yield Finding(UNDOCUMENTED, name, what)


def measure(
    folder: Folder, readings: Mapping[Path, Reading], elsewhere: Iterable[Finding]
) -> Figures:
    """All figures of a folder; of the findings made elsewhere it takes those in its files."""
    sources = [readings[file] for file in folder.sources]
    tests = [readings[file] for file in folder.tests]
    code = {relative(file): readings[file].code for file in folder.sources}
    any_count = sum(each.anys for each in sources)
    test_lines = sum(len(each.code) for each in tests)
    findings = [finding for each in [*sources, *tests] for finding in each.findings]
    lines = [line for found in code.values() for line in found]
    largest_file = max(code, key=lambda name: len(code[name]), default="")
    mine = {relative(file) for file in [*folder.sources, *folder.tests]}
    findings += [finding for finding in elsewhere if finding.file in mine]
    return Figures(
        name=folder.name,
        kind=folder.kind,
        files=len(code),
        lines=len(lines),
        mean_line=sum(map(len, lines)) / max(len(lines), 1),
        any_per_100=100 * any_count / max(len(lines), 1),
        largest=len(code.get(largest_file, [])),
        largest_file=largest_file,
        test_lines=test_lines,
        findings=findings,
    )


def figures() -> list[Figures]:
    """The figures of every folder, and those of all plugins together."""
    found = folders()
    elsewhere = [*complex_functions(file for folder in found for file in folder.sources)]
    readings = {
        file: read(file, is_test=is_test)
        for folder in found
        for files, is_test in ((folder.sources, False), (folder.tests, True))
        for file in files
    }
    elsewhere += tests_that_judge_nothing(found, readings)
    measured = [measure(folder, readings, elsewhere) for folder in found]
    return [*measured, together("plugins", [one for one in measured if one.kind == "plugin"])]


def together(name: str, several: list[Figures]) -> Figures:
    """The figures of several folders as of one; what was found in them is counted there."""
    lines = sum(one.lines for one in several)
    largest = max(several, key=lambda one: one.largest)
    return Figures(
        name=name,
        kind=name,
        files=sum(one.files for one in several),
        lines=lines,
        mean_line=sum(one.mean_line * one.lines for one in several) / lines,
        any_per_100=sum(one.any_per_100 * one.lines for one in several) / lines,
        largest=largest.largest,
        largest_file=largest.largest_file,
        test_lines=sum(one.test_lines for one in several),
        findings=[],
    )
