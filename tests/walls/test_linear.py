"""Every regular expression of the source takes time that grows as the text does: what callers send
must not cost more than it weighs.

Each is tried on texts that it was made to fail on: what it repeats, many times, and then something
that it does not expect.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from re import Pattern, _constants, _parser  # type: ignore[attr-defined]  # there is no public parser
from typing import Any

from tools.project import core, dotted, plugins

SIZE = 2000
TIMES = 8
"""How many times as long the longer text is: a quadratic search takes 64 times as long."""
RATIO = 24.0
SHORT = 0.005
"""Seconds that are too short to be compared; a quadratic search of the longer text takes more."""
METHODS = ("fullmatch", "match", "search", "sub", "split", "findall", "finditer")
BOUNDED = {
    "hansa_ftp.listing._UNIX_LINE": "lines of at most LONGEST_LINE characters",
    "hansa_ftp.listing._WINDOWS_LINE": "lines of at most LONGEST_LINE characters",
    "hansa_xpath.location._prefixes": "expressions of at most LONGEST characters",
    "hansa_sql.lexical._postgresql": "statements of services, which are no text of callers",
}
"""Expressions over texts whose length is limited before, by what."""


def expressions() -> Iterator[tuple[str, Pattern[Any], set[str]]]:
    """All compiled expressions at the top of modules, with the methods by which each is used."""
    for package in (core(), *plugins()):
        for file in package.sources():
            source = file.read_text()
            if "re.compile" not in source:
                continue
            module, _ = dotted(file)
            for name, value in vars(importlib.import_module(module)).items():
                bound = getattr(value, "__self__", None)
                if isinstance(value, Pattern):
                    used = re.findall(rf"\b{name}\.({'|'.join(METHODS)})\(", source)
                    yield f"{module}.{name}", value, set(used) or {"search"}
                elif isinstance(bound, Pattern):
                    yield f"{module}.{name}", bound, {value.__name__}


class Sample:
    """A text that an expression matches, and the parts of it that may be repeated without limit."""

    def __init__(self, tree: Any) -> None:
        self.text = ""
        self.pumped: list[tuple[str, str]] = []
        self._walk(tree)

    def _walk(self, tree: Any) -> None:
        for operation, argument in tree:
            self._step(str(operation), argument)

    def _step(self, operation: str, argument: Any) -> None:
        if operation == "LITERAL":
            self.text += chr(argument)
        elif operation in ("NOT_LITERAL", "ANY"):
            self.text += "a" if argument != ord("a") else "b"
        elif operation == "IN":
            self.text += _member(argument)
        elif operation == "BRANCH":
            self._branch(argument[1])
        elif operation == "SUBPATTERN":
            self._walk(argument[-1])
        elif operation == "ATOMIC_GROUP":
            self._walk(argument)
        elif operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            self._repeat(*argument)

    def _branch(self, choices: Any) -> None:
        begin = self.text
        for choice in reversed(choices):
            self.text = begin
            self._walk(choice)

    def _repeat(self, least: int, most: Any, inner: Any) -> None:
        begin = self.text
        self._walk(inner)
        unit = self.text[len(begin) :]
        if most is _constants.MAXREPEAT:
            self.pumped.append((begin, unit))
        self.text = begin + unit * max(least, 1)


def _member(choices: Any) -> str:
    operation, argument = choices[0]
    if str(operation) == "NEGATE":
        unwanted = re.compile("[" + "".join(map(_spelled, choices[1:])) + "]")
        return next(char for char in "a1 -<;" if not unwanted.match(char))
    if str(operation) == "LITERAL":
        return chr(argument)
    if str(operation) == "RANGE":
        return chr(argument[0])
    category = str(argument)
    return next(
        char
        for ending, char in (("SPACE", " "), ("DIGIT", "1"), ("WORD", "a"))
        if ending in category
    )


def _spelled(choice: Any) -> str:
    operation, argument = choice
    if str(operation) == "LITERAL":
        return re.escape(chr(argument))
    if str(operation) == "RANGE":
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    return {"SPACE": r"\s", "DIGIT": r"\d", "WORD": r"\w"}[str(argument).rpartition("_")[2]]


def hostile_texts(pattern: Pattern[Any], size: int) -> Iterator[str]:
    """Texts of about this length."""
    sample = Sample(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    for begin, unit in sample.pumped:
        if unit:
            many = unit * (size // len(unit))
            yield begin + many + "\x00"
            yield many + "\x00"
        if begin:
            yield begin * (size // len(begin)) + "\x00"
    if sample.text:
        yield sample.text * (size // len(sample.text)) + "\x00"


def seconds(pattern: Pattern[Any], method: str, text: str) -> float:
    """The shortest of three times of the processor that a search takes."""
    given: Any = text
    if isinstance(pattern.pattern, bytes):
        given = text.encode("latin-1", "replace")
    taken = []
    for _ in range(3):
        began = time.thread_time()
        if method == "sub":
            pattern.sub(given[:0], given)
        else:
            found = getattr(pattern, method)(given)
            if method == "finditer":
                list(found)
        taken.append(time.thread_time() - began)
        if taken[-1] < SHORT:
            break
    return min(taken)


def slowest(pattern: Pattern[Any], methods: set[str]) -> str:
    """The beginning of a text for which the time grows faster than the text; empty if for none."""
    texts = zip(hostile_texts(pattern, SIZE), hostile_texts(pattern, SIZE * TIMES), strict=True)
    for short, long in texts:
        for method in methods:
            # beside other work a measurement may be wrong, but not each of several
            if all(grows_faster(pattern, method, short, long) for _ in range(5)):
                return f"{method} of {short[:60]!r}"
    return ""


def grows_faster(pattern: Pattern[Any], method: str, short: str, long: str) -> bool:
    """Whether the time for the long text is more than its length accounts for."""
    taken = seconds(pattern, method, long)
    return taken > SHORT and taken > RATIO * seconds(pattern, method, short)


def test_time_grows_as_the_text_does() -> None:
    """One test for all, since it imports every module that has an expression."""
    found = {
        name: slowest(pattern, used) for name, pattern, used in expressions() if name not in BOUNDED
    }
    assert len(found) > 50
    assert {name: text for name, text in found.items() if text} == {}


def test_a_quadratic_expression_would_be_found() -> None:
    pattern = re.compile(r"[a-z]+@")
    short, long = (next(iter(hostile_texts(pattern, size))) for size in (SIZE, SIZE * TIMES))
    assert any(grows_faster(pattern, "search", short, long) for _ in range(5))
