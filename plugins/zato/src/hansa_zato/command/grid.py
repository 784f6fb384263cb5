"""Problems as a table of two columns with lines around them, as Zato's enmasse prints them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from ..enmasse.findings import CODES, Finding

_NARROWEST = 8


def problems(findings: list[Finding], widths: str) -> str:
    """Return how many warnings and errors there are, and a table of them.

    `widths` are those of the columns, separated by a comma.
    """
    first, second = _widths(widths)
    warnings = [one for one in findings if one.severity == "warning"]
    errors = [one for one in findings if one.severity == "error"]
    lines = [f"{len(warnings)} warnings and {len(errors)} errors found:", _rule(first, second)]
    lines += [f"| {'Key':^{first}} | {'Value':^{second}} |", _rule(first, second, "=")]
    for prefix, found in (("warn", warnings), ("err", errors)):
        for number, one in enumerate(found, 1):
            key = [f"{prefix}{number:04}/{one.code}", *textwrap.wrap(CODES[one.code], first)]
            lines += _row(key, _wrapped(one, second), first, second)
            lines.append(_rule(first, second))
    return "\n".join(lines)


def _widths(text: str) -> tuple[int, int]:
    found = [int(word) for word in text.split(",") if word.strip().isdigit()]
    first, second = found if len(found) == 2 else (15, 100)
    return max(first, _NARROWEST + 5), max(second, _NARROWEST)


def _wrapped(one: Finding, width: int) -> list[str]:
    text = f"{one.subject}: {one.message}" if one.subject else one.message
    parts = [text, f"instead: {one.instead}" if one.instead else "", one.where]
    return [line for part in filter(None, parts) for line in textwrap.wrap(part, width)]


def _row(key: list[str], value: list[str], first: int, second: int) -> Iterator[str]:
    for index in range(max(len(key), len(value))):
        left = _cell(key, index)
        right = _cell(value, index)
        yield f"| {left:<{first}} | {right:<{second}} |"


def _cell(lines: Iterable[str], index: int) -> str:
    found = list(lines)
    return found[index] if index < len(found) else ""


def _rule(first: int, second: int, letter: str = "-") -> str:
    return f"+{letter * (first + 2)}+{letter * (second + 2)}+"
