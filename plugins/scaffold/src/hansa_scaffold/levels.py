"""Quality levels of plugins: which one a plugin's source and tests reach, and what the next one
takes.

bronze: its tests pass, the conformance kit among them; silver: it is also tested against a real
server and over TLS, and its README is complete; gold: it is also proven under kills, and measured.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .source import LEVEL_GROUP, Source

BRONZE = "bronze"
SILVER = "silver"
GOLD = "gold"
LEVELS = ("", BRONZE, SILVER, GOLD)
"""From the lowest: none, and those that a plugin may declare."""

MARK = "evidence"
"""The mark of pytest by which a test says what it is evidence of."""
REAL_SERVER = "real_server"
"""A kind of evidence, and the fixture of hansa-devkit that is one without a mark."""
TLS = "tls"
EVIDENCE: Mapping[str, tuple[str, str]] = {
    REAL_SERVER: (SILVER, "a test against a real server"),
    TLS: (SILVER, "a test over TLS"),
    "kills": (GOLD, "a proof under kills"),
    "benchmark": (GOLD, "a benchmark"),
}
"""The kinds of evidence: for which level each is needed, and what it is."""

_names_tls = re.compile(r"TLS|HTTPS|https:|certificate").search
README_WORDS = 150
"""Words that a complete README has at least."""


@dataclass(frozen=True)
class Level:
    """What a plugin reaches, what it declares, what it lacks for the next level, and what is wrong
    with its declaration.
    """

    reached: str
    declared: str
    missing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def next(self) -> str:
        """The level after the one that it reaches; empty for the highest."""
        return LEVELS[LEVELS.index(self.reached) + 1] if self.reached != GOLD else ""

    def __str__(self) -> str:
        reached = self.reached or "none"
        if not self.missing:
            return reached
        return f"{reached}; for {self.next} it lacks {', '.join(self.missing)}"


def level_of(source: Source, *, passed: bool) -> Level:
    """Return the level of a plugin, whose other checks have all passed or not."""
    evidence = Evidence.of(source)
    lacking = {
        BRONZE: [] if passed else ["what the checks above found"],
        SILVER: [*evidence.lacking(SILVER), *readme_faults(source, evidence)],
        GOLD: evidence.lacking(GOLD),
    }
    reached = ""
    missing: list[str] = []
    for level, lacks in lacking.items():
        if lacks:
            missing = lacks
            break
        reached = level
    declared, faults = _declared(source)
    if LEVELS.index(declared) > LEVELS.index(reached):
        faults.append(f"it declares {declared}, and reaches {reached or 'none'}")
    return Level(reached, declared, missing, faults + evidence.faults)


def _declared(source: Source) -> tuple[str, list[str]]:
    """Return the highest level that the plugins of a source declare, and what is wrong with it."""
    declared = source.entry_points(LEVEL_GROUP)
    faults = [
        f"{name!r} is no level; there are: {', '.join(LEVELS[1:])}"
        for name in declared
        if name not in LEVELS[1:]
    ]
    known = [name for name in declared if name in LEVELS]
    return max(known, key=LEVELS.index, default=""), faults


# -- evidence --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What the tests of a plugin are evidence of, and what does not apply to it."""

    kinds: set[str]
    not_applicable: Mapping[str, str]
    faults: list[str]

    @classmethod
    def of(cls, source: Source) -> Evidence:
        """Read the marks on its tests, and the tables `evidence` and `not-applicable` of
        `[tool.hansa]`: files elsewhere by kind, and reasons by kind.
        """
        found: dict[str, str] = {}
        for path, tree in source.tests():
            for kind in _kinds_in(tree):
                found.setdefault(kind, path)
        faults: list[str] = []
        for kind, files in source.tool.get("evidence", {}).items():
            faults += _faults_of_files(source, files)
            found.setdefault(kind, "evidence in pyproject.toml")
        not_applicable: dict[str, str] = source.tool.get("not-applicable", {})
        found_or_not = {
            **found,
            **dict.fromkeys(not_applicable, "not-applicable in pyproject.toml"),
        }
        for kind, place in found_or_not.items():
            if kind not in EVIDENCE:
                there = ", ".join(EVIDENCE)
                faults.append(f"{place}: {kind!r} is no kind of evidence; there are: {there}")
        return cls(set(found), not_applicable, faults)

    def applies(self, kind: str) -> bool:
        """Whether a plugin can have evidence of a kind."""
        return kind not in self.not_applicable

    def lacking(self, level: str) -> list[str]:
        """Return the evidence that a level needs and that is not there."""
        return [
            what
            for kind, (needed_for, what) in EVIDENCE.items()
            if needed_for == level and kind not in self.kinds and self.applies(kind)
        ]


def _kinds_in(tree: ast.Module) -> Iterator[str]:
    """Yield what a file of tests is evidence of: by marks, and by the fixture `real_server`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_mark(node.func):
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield str(argument.value)
        elif isinstance(node, ast.arg) and node.arg == REAL_SERVER:
            yield REAL_SERVER


def _is_mark(function: ast.expr) -> bool:
    """Whether an expression is `pytest.mark.evidence`."""
    return isinstance(function, ast.Attribute) and function.attr == MARK


def _faults_of_files(source: Source, files: list[str]) -> list[str]:
    """Return which files outside of the tests are missing, or do not concern the plugin: each has
    its name in it.
    """
    faults: list[str] = []
    name = str(source.project.get("name", "")).removeprefix("hansa-")
    for path in files:
        file: Path = source.folder / path
        if not file.is_file():
            faults.append(f"evidence in pyproject.toml: there is no file {path}")
        elif not re.search(rf"\b{name}", file.read_text(encoding="utf-8")):
            faults.append(f"evidence in pyproject.toml: {path} does not mention {name}")
    return faults


# -- documentation ---------------------------------------------------------------------------------


def readme_faults(source: Source, evidence: Evidence) -> list[str]:
    """Return what a complete README has and that of a plugin lacks: an example, each type by its
    name, and TLS where it applies.
    """
    text = source.readme.read_text(encoding="utf-8") if source.readme.is_file() else ""
    faults: list[str] = []
    if len(text.split()) < README_WORDS:
        faults.append(f"a README of {README_WORDS} words or more")
    if "```" not in text:
        faults.append("an example in the README")
    faults += [
        f"the type {type} in the README"
        for type in sorted(_types_of(source))
        if not re.search(rf"\b{re.escape(type)}\b", text)
    ]
    if evidence.applies(TLS) and not _names_tls(text):
        faults.append("TLS in the README")
    return faults


def _types_of(source: Source) -> set[str]:
    """Return the names of the types in a source: the classes that set `type` to a text."""
    found: set[str] = set()
    for _, tree in source.files():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.update(_type_names(node))
    return found


def _type_names(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        value = statement.value
        if names == ["type"] and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
